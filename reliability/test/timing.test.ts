import { describe, expect, it } from "vitest";
import { compare } from "../src/timing/compare.js";
import { Random } from "../src/random.js";

/** Times as a host has them: most alike, some far later. */
function times(random: Random, more: number): number[] {
  return Array.from({ length: 20_000 }, () => 100 + more + random.below(20) + (random.below(50) === 0 ? random.below(5_000) : 0));
}

describe("the comparison of answers' times", () => {
  it("finds a difference that is there, also a small one under a long tail", () => {
    const random = new Random(7);
    expect(compare(times(random, 1), times(random, 0)).differs).toBe(true);
  });

  it("finds none where there is none", () => {
    const random = new Random(8);
    expect(Array.from({ length: 5 }, () => compare(times(random, 0), times(random, 0)).differs)).toEqual(Array(5).fill(false));
  });
});
