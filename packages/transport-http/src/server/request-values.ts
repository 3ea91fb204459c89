import type { Request } from "express";
import { SSSNError, describe } from "@sssn/core";

/** A JSON object whose members nobody has looked at yet. */
export type Unchecked = Readonly<Record<string, unknown>>;

/**
 * The body as an object with no other members than the known ones: a misspelt option is an error, not a default.
 *
 * @throws SSSNError `unsupported_media_type`, `invalid_content`, `invalid_argument`.
 */
export function bodyOf(request: Request, known: readonly string[]): Unchecked {
  const body: unknown = request.body;
  if (body === undefined) {
    if (Number(request.headers["content-length"] ?? 0) > 0 || request.headers["transfer-encoding"] !== undefined) {
      throw new SSSNError("unsupported_media_type", "The body must be JSON: send the header content-type: application/json.");
    }
    return {};
  }
  return objectOf("body", body, known);
}

export function objectOf(what: string, value: unknown, known: readonly string[]): Unchecked {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw new SSSNError("invalid_content", `${what} must be a JSON object, but is ${describe(value)}.`, { details: { path: what } });
  const stranger = Object.keys(value).find((key) => !known.includes(key));
  if (stranger !== undefined) throw new SSSNError("invalid_argument", `${what} has an unknown member ${describe(stranger)}. Known: ${known.join(", ") || "none"}.`, { details: { path: what } });
  return value as Unchecked;
}

/** The members of an object that are there. */
export function only(value: Unchecked, names: readonly string[]): Unchecked {
  return Object.fromEntries(names.filter((name) => value[name] !== undefined && value[name] !== null).map((name) => [name, value[name]]));
}

export function listOf(what: string, value: unknown): readonly unknown[] {
  if (Array.isArray(value)) return value;
  throw new SSSNError("invalid_argument", `${what} must be a list, but is ${describe(value)}.`, { details: { path: what } });
}

/** Names in a query, once each. @throws SSSNError `invalid_argument`. */
export function queryOf(request: Request, known: readonly string[]): Readonly<Record<string, string>> {
  const query: Record<string, string> = {};
  for (const [name, value] of Object.entries(request.query)) {
    if (!known.includes(name)) throw new SSSNError("invalid_argument", `The query has an unknown name ${describe(name)}. Known: ${known.join(", ") || "none"}.`);
    if (typeof value !== "string") throw new SSSNError("invalid_argument", `${name} stands in the query more than once.`);
    query[name] = value;
  }
  return query;
}

/** A whole number in a query; left out: undefined. Its range is checked by whoever uses it. */
export function integerIn(query: Readonly<Record<string, string>>, name: string): number | undefined {
  const text = query[name];
  if (text === undefined) return undefined;
  if (!/^-?\d{1,16}$/.test(text)) throw new SSSNError("invalid_argument", `${name} must be a whole number, but is ${describe(text)}.`, { details: { argument: name } });
  return Number(text);
}
