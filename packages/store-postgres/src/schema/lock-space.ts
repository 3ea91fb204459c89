import { createHash } from "node:crypto";

/** The class of the advisory locks of a schema: other programs that lock in the same database have others, but for chance. */
export function lockSpaceOf(schema: string): number {
  return createHash("sha256").update(`sssn:${schema}`).digest().readInt32BE();
}
