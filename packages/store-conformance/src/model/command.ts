import fc from "fast-check";
import type { LogModel, Real } from "./log-model.js";

/** A step of a random sequence. */
export type Command = fc.AsyncCommand<LogModel, Real>;

/** A command that can always run. */
export function command(name: string, run: (model: LogModel, real: Real) => Promise<void>): Command {
  return { check: () => true, run, toString: () => name };
}

/** Said half of the times. */
export const optional = <Value>(values: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.option(values, { nil: undefined, freq: 2 });

/** Said now and then. */
export const rarely = <Value>(values: fc.Arbitrary<Value>): fc.Arbitrary<Value | undefined> =>
  fc.oneof({ weight: 5, arbitrary: fc.constant(undefined) }, { weight: 1, arbitrary: values });
