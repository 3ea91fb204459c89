import { SSSNError, describe } from "./errors.js";

/**
 * Refuses what is no option: a name that was mistyped would otherwise change nothing, without a word.
 *
 * @param what names the thing in the error, such as `"work()"`.
 * @throws SSSNError `invalid_argument`, with the known names.
 */
export function refuseUnknownOptions(what: string, options: unknown, known: ReadonlySet<string>): void {
  if (options === undefined) return;
  if (typeof options !== "object" || options === null)
    throw new SSSNError("invalid_argument", `${what} takes an object of options, but got ${describe(options)}.`);
  for (const name in options) {
    if (known.has(name)) continue;
    const names = [...known].sort();
    throw new SSSNError("invalid_argument", `${what} has no option ${describe(name)}. Its options: ${names.join(", ")}.`, {
      details: { option: describe(name) },
    });
  }
}
