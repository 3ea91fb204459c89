import fc from "fast-check";
import { TOO_LATE, systemClock, within } from "@sssn/core";
import { describe, expect, it } from "vitest";
import { anyCall, type Call } from "./calls.js";
import { anonymous, areBothWrong, outcomeOf } from "./outcome.js";
import { KINDS, makeSides, type Side, type Sides } from "./sides.js";

/** More for a long run: SSSN_DIFFERENTIAL_RUNS=2000. */
const RUNS = Number(process.env["SSSN_DIFFERENTIAL_RUNS"] ?? 25);
const TIMEOUT_MS = 30_000 + RUNS * 1_500;

const DISTURBANCES = ["restart", "slow", "fast", "away", "emptied", "moved"] as const;
type Disturbance = (typeof DISTURBANCES)[number];
type Step = { readonly call: Call } | { readonly disturbance: Disturbance };

const disturbance: fc.Arbitrary<Step> = fc.record({ disturbance: fc.constantFrom(...DISTURBANCES) });
const calls: fc.Arbitrary<readonly Step[]> = fc.array(fc.record({ call: anyCall }), { minLength: 5, maxLength: 40, size: "max" });
const disturbed: fc.Arbitrary<readonly Step[]> = fc.array(
  fc.oneof({ weight: 8, arbitrary: fc.record({ call: anyCall }) as fc.Arbitrary<Step> }, { weight: 1, arbitrary: disturbance }),
  { minLength: 5, maxLength: 30, size: "max" },
);

async function disturb(sides: Sides, what: Disturbance): Promise<void> {
  if (what === "restart") return sides.restart();
  if (what === "away") return sides.leave();
  if (what === "emptied" || what === "moved") return sides.replaceLog(what === "moved" ? 3 : 0);
  sides.slowDown(what === "slow" ? 15 : 0);
}

/** What every follower has seen by now, and whether it still follows. */
async function following(side: Side): Promise<unknown> {
  return Promise.all(
    side.followed.map(async ({ seen, subscription }) => {
      const ended = subscription.closed.then(
        () => "ended",
        (error: unknown) => (error as { code?: string }).code,
      );
      return [seen, await Promise.race([ended, Promise.resolve("follows")])];
    }),
  );
}

const told = (side: Side): string[] =>
  side.lines
    .map((line) => anonymous(line, side))
    .filter((line) => !/connection|reached/.test(line))
    .sort();

/** Longer than any call may wait. */
const ANSWERED_MS = 20_000;

async function compareCall(sides: Sides, call: Call): Promise<void> {
  const what = `${call.name} ${JSON.stringify(call.said)}`;
  const expected = await outcomeOf(call, sides.local);
  const answer = within(systemClock, ANSWERED_MS, outcomeOf(call, sides.remote));
  const [outcome] = await Promise.all([answer, sides.comesBack()]);
  if (outcome === TOO_LATE) throw new Error(`${what} has no answer`);
  if (areBothWrong(outcome, expected)) return;
  // Figures about subscriptions are those of a moment: they are the same a little later.
  if (call.name === "stats" || call.name === "cursors")
    await expect.poll(() => outcomeOf(call, sides.remote), { message: what, timeout: 5_000 }).toEqual(await outcomeOf(call, sides.local));
  else expect(outcome, what).toEqual(expected);
}

async function compare(sides: Sides, steps: readonly Step[]): Promise<void> {
  for (const step of steps) {
    if ("disturbance" in step) await disturb(sides, step.disturbance);
    else {
      await compareCall(sides, step.call);
    }
  }
  await sides.comesBack();
  await Promise.all(
    [sides.local, sides.remote].map((side) =>
      side
        .channel("ann")
        .write("ann", "the last one")
        .catch(() => {}),
    ),
  );
  await expect.poll(() => following(sides.remote), { timeout: 10_000, interval: 10 }).toEqual(await settledFollowing(sides.local));
  expect(told(sides.remote)).toEqual(told(sides.local));
}

/** In process everything is delivered in moments: until nothing has changed for a while. */
async function settledFollowing(side: Side): Promise<unknown> {
  let before = "";
  for (let same = 0; same < 5;) {
    await new Promise((resolve) => setTimeout(resolve, 10));
    const now = JSON.stringify(await following(side));
    same = now === before ? same + 1 : 0;
    before = now;
  }
  return following(side);
}

async function hold(kind: (typeof KINDS)[number], steps: readonly Step[]): Promise<void> {
  const sides = await makeSides(kind);
  try {
    await compare(sides, steps);
  } finally {
    await sides.close();
  }
}

describe("a remote channel means what a local one means [G5.1]", () => {
  it.each(KINDS)(
    "%s: any calls with any options come to the same results, errors, deliveries and lines of the log",
    (kind) =>
      fc.assert(
        fc.asyncProperty(calls, (steps) => hold(kind, steps)),
        { numRuns: RUNS, endOnFailure: true },
      ),
    TIMEOUT_MS,
  );

  it.each(KINDS)(
    "%s: also while its host is restarted, slow, away for a while, emptied, and moved to another log",
    (kind) =>
      fc.assert(
        fc.asyncProperty(disturbed, (steps) => hold(kind, steps)),
        { numRuns: Math.ceil(RUNS / 3), endOnFailure: true },
      ),
    TIMEOUT_MS,
  );

  it.each(KINDS)(
    "%s: also when nobody is at its address at first",
    (kind) =>
      fc.assert(
        fc.asyncProperty(calls, (steps) => hold(kind, [{ disturbance: "away" }, ...steps])),
        { numRuns: Math.ceil(RUNS / 5), endOnFailure: true },
      ),
    TIMEOUT_MS,
  );
});
