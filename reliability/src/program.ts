import { parseArgs } from "node:util";
import type { Violation } from "./checker.js";
import { Random } from "./random.js";

const MOST_SHOWN = 20;

/** The options that every program of this folder takes. */
export function optionsOf(
  defaultRounds: number,
  flags: readonly string[] = [],
): { readonly rounds: number; readonly random: Random; readonly seed: number; readonly flag: (name: string) => string | undefined } {
  const { values } = parseArgs({
    args: process.argv.slice(2).filter((word) => word !== "--"),
    options: {
      rounds: { type: "string", default: String(defaultRounds) },
      seed: { type: "string", default: String(Date.now() % 1_000_000) },
      ...Object.fromEntries(flags.map((name) => [name, { type: "string" as const }])),
    },
  });
  const given: Readonly<Record<string, unknown>> = values;
  const [rounds, seed] = [Number(values.rounds), Number(values.seed)];
  if (!Number.isSafeInteger(rounds) || rounds < 1) throw new Error(`--rounds takes a whole number from 1 on, but got ${values.rounds}`);
  if (!Number.isSafeInteger(seed)) throw new Error(`--seed takes a whole number, but got ${values.seed}`);
  console.log(`seed ${seed}`);
  return { rounds, seed, random: new Random(seed), flag: (name) => given[name] as string | undefined };
}

/** Says loudly that something was not tried. */
export function skip(what: string): void {
  console.log(`NOT TESTED: ${what}.`);
}

/** Says what was found; with violations the program ends with 1. */
export function report(violations: readonly Violation[], folder: string): void {
  for (const { rule, what } of violations.slice(0, MOST_SHOWN)) console.error(`${rule}: ${what}`);
  if (violations.length > 0) {
    console.error(`${violations.length} violations; the store is kept in ${folder}`);
    process.exitCode = 1;
  } else console.log("Nothing acknowledged was lost, doubled, renumbered, redelivered or held twice.");
}
