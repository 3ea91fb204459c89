import type { ErrorCode } from "@sssn/core";

/** JSON Schema 2020-12, as far as this protocol needs it. `x-error` is the code with which a request that fails it is refused. */
export interface Schema {
  readonly type?: "object" | "array" | "string" | "integer" | "number" | "boolean";
  readonly description?: string;
  readonly properties?: Readonly<Record<string, Schema>>;
  readonly required?: readonly string[];
  readonly additionalProperties?: boolean;
  readonly items?: Schema;
  readonly maxItems?: number;
  readonly minimum?: number;
  readonly maximum?: number;
  readonly minLength?: number;
  readonly maxLength?: number;
  readonly pattern?: string;
  readonly enum?: readonly string[];
  readonly const?: string;
  readonly oneOf?: readonly Schema[];
  readonly $ref?: string;
  readonly "x-error"?: ErrorCode;
}

export interface ObjectSchema extends Schema {
  readonly type: "object";
  readonly properties: Readonly<Record<string, Schema>>;
}

/** An object with exactly these members; those in `required` must be there. */
export function object(properties: Readonly<Record<string, Schema>>, required: readonly string[] = [], description?: string): ObjectSchema {
  return { type: "object", properties, required, additionalProperties: false, ...(description === undefined ? {} : { description }) };
}

export function list(items: Schema, maxItems?: number): Schema {
  return { type: "array", items, ...(maxItems === undefined ? {} : { maxItems }) };
}

export function integer(minimum: number, maximum: number, description?: string): Schema {
  return { type: "integer", minimum, maximum, ...(description === undefined ? {} : { description }) };
}

/** A number of things, from 0. */
export function count(description: string): Schema {
  return integer(0, Number.MAX_SAFE_INTEGER, description);
}
