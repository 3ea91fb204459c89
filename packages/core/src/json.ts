import { SSSNError, describe } from "./errors.js";
import type { JsonValue } from "./json-value.js";

/** How deep content may be nested. Deeper values are refused, so that no reader's stack is at risk. */
export const MAX_JSON_DEPTH = 100;

/**
 * Copies a JSON value and freezes the copy, all the way down.
 *
 * Anything that JSON would drop or change is refused and named by its path: `undefined`, functions, symbols, big integers,
 * non-finite numbers, class instances such as `Date`, sparse arrays, cycles, and nesting beyond {@link MAX_JSON_DEPTH}.
 *
 * @param root what to call the value in an error's path. Default `content`.
 * @throws SSSNError `invalid_content`, with `details.path`.
 */
export function freezeJson(value: unknown, root = "content"): JsonValue {
  return new Copier(root).copy(value, 0);
}

/**
 * Does what {@link freezeJson} does, and refuses a value whose JSON has more bytes than allowed.
 *
 * @throws SSSNError `invalid_content`, `content_too_large`.
 */
export function freezeJsonWithin(maxBytes: number, value: unknown, root = "content"): JsonValue {
  const copier = new Copier(root);
  const frozen = copier.copy(value, 0);
  // A character of a string takes 6 bytes at the most (an escape), so a small value needs no exact measure.
  if (copier.characters * 6 <= maxBytes) return frozen;
  const bytes = new TextEncoder().encode(JSON.stringify(frozen)).length;
  if (bytes <= maxBytes) return frozen;
  throw new SSSNError(
    "content_too_large",
    `${root} has ${bytes} bytes of JSON; this channel takes at most ${maxBytes}. Store it elsewhere and send a reference.`,
    {
      details: { bytes, maxBytes },
    },
  );
}

class Copier {
  /** At least as many as the JSON has, not counting escapes. */
  characters = 0;
  readonly #path: (string | number)[];

  constructor(root: string) {
    this.#path = [root];
  }

  copy(value: unknown, depth: number): JsonValue {
    if (value === null) return this.#counted(null, 5);
    switch (typeof value) {
      case "string":
        return this.#counted(value, value.length + 3);
      case "boolean":
        return this.#counted(value, 6);
      case "number":
        if (!Number.isFinite(value)) throw this.#invalid(`is ${value}; JSON has only finite numbers`);
        // JSON has one zero: what is read is the same from every store and over every transport.
        return this.#counted(value === 0 ? 0 : value, 25);
      case "object":
        if (depth >= MAX_JSON_DEPTH) throw this.#invalid(`is nested more than ${MAX_JSON_DEPTH} levels deep, or contains itself`);
        this.characters += 3;
        return Array.isArray(value) ? this.#array(value, depth) : this.#object(value, depth);
      default:
        throw this.#invalid(`is ${value === undefined ? "undefined" : `a ${typeof value}`}; leave it out or use null`);
    }
  }

  #counted<Value>(value: Value, characters: number): Value {
    this.characters += characters;
    return value;
  }

  #array(value: readonly unknown[], depth: number): JsonValue {
    const result: JsonValue[] = [];
    for (let index = 0; index < value.length; index++) {
      this.#path.push(index);
      result.push(this.copy(value[index], depth + 1));
      this.#path.pop();
    }
    return Object.freeze(result);
  }

  #object(value: object, depth: number): JsonValue {
    const prototype: unknown = Object.getPrototypeOf(value);
    if (prototype !== null && prototype !== Object.prototype && !isForeignPlainObject(prototype)) {
      const name = (value as { constructor?: { name?: unknown } }).constructor?.name;
      throw this.#invalid(`is an instance of ${describe(name)}; convert it to plain JSON first`);
    }
    if (Object.getOwnPropertySymbols(value).length > 0) throw this.#invalid("has a property whose key is a symbol");
    const result: Record<string, JsonValue> = {};
    for (const key of Object.keys(value)) {
      this.#path.push(key);
      this.characters += key.length + 3;
      const member = this.copy((value as Record<string, unknown>)[key], depth + 1);
      // An own property named __proto__ must stay one: assigning it would change the prototype instead.
      if (key === "__proto__") Object.defineProperty(result, key, { value: member, enumerable: true });
      else result[key] = member;
      this.#path.pop();
    }
    return Object.freeze(result);
  }

  #invalid(problem: string): SSSNError {
    const [root, ...rest] = this.#path;
    const name = `${root}${rest.map((part) => (typeof part === "number" ? `[${part}]` : `.${part}`)).join("")}`;
    const shown = describe(name).slice(1, -1);
    return new SSSNError("invalid_content", `${shown} ${problem}.`, { details: { path: shown } });
  }
}

/** Plain objects of another realm (a vm context, an iframe) have another `Object.prototype`, whose prototype is null. */
function isForeignPlainObject(prototype: unknown): boolean {
  return Object.getPrototypeOf(prototype) === null && Object.hasOwn(prototype as object, "hasOwnProperty");
}

/** Freezes a value that came from `JSON.parse`, in place and all the way down. */
export function deepFreeze<Value>(value: Value): Value {
  if (typeof value !== "object" || value === null || Object.isFrozen(value)) return value;
  for (const member of Array.isArray(value) ? (value as unknown[]) : Object.values(value)) {
    if (typeof member === "object" && member !== null) deepFreeze(member);
  }
  return Object.freeze(value);
}

/** Tells whether two JSON values are equal; the order of an object's keys does not matter. */
export function jsonEquals(left: JsonValue | undefined, right: JsonValue | undefined): boolean {
  if (left === right) return true;
  if (typeof left !== "object" || typeof right !== "object" || left === null || right === null) return false;
  if (Array.isArray(left) !== Array.isArray(right)) return false;
  const leftKeys = Object.keys(left);
  if (leftKeys.length !== Object.keys(right).length) return false;
  const [a, b] = [left as Record<string, JsonValue>, right as Record<string, JsonValue>];
  return leftKeys.every((key) => Object.hasOwn(b, key) && jsonEquals(a[key], b[key]));
}
