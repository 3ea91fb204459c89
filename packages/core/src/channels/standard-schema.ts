import { SSSNError } from "../errors.js";

/** What zod, valibot, arktype and others have in common: the Standard Schema interface, version 1, as far as a channel uses it. */
export interface StandardSchema<Input = unknown, Output = Input> {
  readonly "~standard": {
    readonly version: 1;
    readonly vendor: string;
    readonly validate: (value: unknown) => SchemaResult<Output> | Promise<SchemaResult<Output>>;
    readonly types?: { readonly input: Input; readonly output: Output } | undefined;
  };
}

type SchemaResult<Output> =
  | { readonly value: Output; readonly issues?: undefined }
  | {
      readonly issues: readonly {
        readonly message: string;
        readonly path?: readonly (PropertyKey | { readonly key: PropertyKey })[] | undefined;
      }[];
    };

/**
 * What the schema makes of a content.
 *
 * @param who refuses it, for the error.
 * @throws SSSNError `content_rejected`, with each issue's path.
 */
export async function validateContent<Output>(schema: StandardSchema<unknown, Output>, content: unknown, who: string): Promise<Output> {
  const result = await schema["~standard"].validate(content);
  if (!result.issues) return result.value;
  const issues = result.issues.map(({ message, path = [] }) => ({
    path: path.map((part) => String(typeof part === "object" ? part.key : part)).join("."),
    message,
  }));
  const listed = issues.map(({ path, message }) => `${path || "content"}: ${message}`).join("; ");
  throw new SSSNError("content_rejected", `${who} refuses this content: ${listed}.`, { details: { issues } });
}
