import { Ajv2020, type ErrorObject, type ValidateFunction } from "ajv/dist/2020.js";
import { SSSNError, describe, type ErrorCode } from "@sssn/core";
import { object, type ObjectSchema, type Schema } from "../protocol/schemas.js";

/** An object that has passed its schema. What its members are, the schema says. */
export type Checked = Readonly<Record<string, unknown>>;

const ajv = new Ajv2020({ allErrors: false, verbose: true, strict: true, keywords: ["x-error"] });
const compiled = new Map<ObjectSchema, ValidateFunction>();
const NOTHING = object({});
const EMPTY: Checked = Object.freeze({});

/** @throws SSSNError with the code that the schema names, or `invalid_argument`: what was wrong with which value. */
export function checkBody(schema: ObjectSchema, value: unknown): Checked {
  return check("body", schema, value);
}

/**
 * A query's names and values, once each, whole numbers where the schema asks for them.
 *
 * @throws SSSNError `invalid_argument`, `invalid_identifier`.
 */
export function checkQuery(schema: ObjectSchema | undefined, text: string): Checked {
  const { properties, required = [] } = schema ?? NOTHING;
  if (text === "" && required.length === 0) return EMPTY;
  const values: Record<string, unknown> = {};
  for (const [name, value] of new URLSearchParams(text)) {
    const known = Object.hasOwn(properties, name) ? properties[name] : undefined;
    if (!known) throw unknownMember("The query", name, properties);
    if (Object.hasOwn(values, name))
      throw new SSSNError("invalid_argument", `${name} stands in the query more than once.`, { details: { argument: name } });
    values[name] = known.type === "integer" ? wholeNumber(name, value) : value;
  }
  return check("query", schema ?? NOTHING, values);
}

/** A whole number as it stands in a URL or a header. @throws SSSNError `invalid_argument`. */
export function wholeNumber(name: string, text: string): number {
  if (!/^-?\d{1,16}$/.test(text))
    throw new SSSNError("invalid_argument", `${name} must be a whole number, but is ${describe(text)}.`, { details: { argument: name } });
  return Number(text);
}

function check(what: string, schema: ObjectSchema, value: unknown): Checked {
  let validate = compiled.get(schema);
  if (!validate) compiled.set(schema, (validate = ajv.compile(schema)));
  if (validate(value)) return value as Checked;
  throw refusal(what, validate.errors ?? []);
}

function refusal(what: string, errors: readonly ErrorObject[]): SSSNError {
  // Alternatives report one error each, and then that none of them fits: that is what to say.
  const error = errors.findLast(({ keyword }) => keyword === "oneOf") ?? errors[0];
  const path = `${what}${pathOf(error?.instancePath ?? "")}`;
  const schema = (error?.parentSchema ?? {}) as Schema;
  if (error?.keyword === "additionalProperties")
    return unknownMember(path, String(error.params["additionalProperty"]), schema.properties ?? {});
  if (error?.keyword === "required") {
    const missing = String(error.params["missingProperty"]);
    const code = schema.properties?.[missing]?.["x-error"] ?? "invalid_argument";
    return new SSSNError(code, `${path} has no ${missing}: send { ${JSON.stringify(missing)}: … }.`, {
      details: { path: `${path}.${missing}` },
    });
  }
  const code: ErrorCode = schema["x-error"] ?? (path === what ? "invalid_content" : "invalid_argument");
  return new SSSNError(code, `${path} ${expectation(error, schema)}, but is ${describe(error?.data)}.`, { details: { path } });
}

function expectation(error: ErrorObject | undefined, { minimum, maximum, description, maxItems, oneOf }: Schema): string {
  if (oneOf && description !== undefined) return `must be: ${description.replace(/\.$/, "")}`;
  if (minimum !== undefined && maximum !== undefined) return `must be a whole number from ${minimum} to ${maximum}`;
  if (error?.keyword === "pattern")
    return "must be an identifier: letters, digits and . _ ~ : @ + = -, starting with a letter, a digit or _";
  if (error?.keyword === "enum") return `must be one of ${(error.schema as readonly unknown[]).join(", ")}`;
  if (error?.keyword === "maxItems") return `must have at most ${maxItems ?? 0} items`;
  return error?.message ?? "is not what it should be";
}

function unknownMember(what: string, name: string, properties: Readonly<Record<string, Schema>>): SSSNError {
  return new SSSNError(
    "invalid_argument",
    `${what} has an unknown member ${describe(name)}. Known: ${Object.keys(properties).join(", ") || "none"}.`,
    { details: { path: what } },
  );
}

/** `/messages/3/id` as `.messages[3].id`. */
function pathOf(pointer: string): string {
  return pointer.replaceAll(/\/(\d+)(?=\/|$)/g, "[$1]").replaceAll("/", ".");
}
