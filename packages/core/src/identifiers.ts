import { SSSNError, describe } from "./errors.js";

/** The longest identifier, in characters. */
export const MAX_IDENTIFIER_LENGTH = 256;

/** The alphabet of identifiers. */
export const IDENTIFIER = /^[A-Za-z0-9_][A-Za-z0-9._~:@+=-]*$/;

/** Whether something is an identifier. */
export function isIdentifier(value: unknown): value is string {
  return typeof value === "string" && value.length <= MAX_IDENTIFIER_LENGTH && IDENTIFIER.test(value);
}

/**
 * Checks an identifier: of a channel, a system, a message, a group or a cursor.
 *
 * 1 to 256 characters out of `A–Z a–z 0–9 . _ ~ : @ + = -`, the first of them a letter, a digit or `_`. So an identifier is
 * safe in a path segment of a URL, never names another folder, and never needs escaping in a store's key.
 *
 * @param what names the value in the error, such as `"channel id"`.
 * @throws SSSNError `invalid_identifier`.
 */
export function validateIdentifier(what: string, value: unknown): string {
  if (isIdentifier(value)) return value;
  throw new SSSNError(
    "invalid_identifier",
    `The ${what} ${describe(value)} can't be used: it takes 1 to ${MAX_IDENTIFIER_LENGTH} characters out of letters, digits and . _ ~ : @ + = - and starts with a letter, a digit or _.`,
    { details: { what } },
  );
}

/**
 * Checks a whole number against its range.
 *
 * @throws SSSNError `invalid_argument`, naming the value and the range.
 */
export function validateInteger(what: string, value: unknown, minimum: number, maximum: number): number {
  if (typeof value === "number" && Number.isSafeInteger(value) && value >= minimum && value <= maximum) return value;
  throw new SSSNError("invalid_argument", `${what} must be a whole number from ${minimum} to ${maximum}, but is ${describe(value)}.`, {
    details: { argument: what, minimum, maximum },
  });
}

/** @throws SSSNError `invalid_argument`, naming the value. */
export function validateBoolean(what: string, value: unknown): boolean {
  if (typeof value === "boolean") return value;
  throw new SSSNError("invalid_argument", `${what} must be true or false, but is ${describe(value)}.`, { details: { argument: what } });
}
