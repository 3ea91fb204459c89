import { createHash } from "node:crypto";

/** One package to audit: what stands in the work queue. */
export interface PackageTask {
  /** Its message's id: the same for the same package, whoever writes it and however often. */
  readonly id: string;
  readonly name: string;
  /** `null` where the manifest can't be read, or has none. */
  readonly version: string | null;
  /** All folders that hold a copy, relative to the tree. */
  readonly folders: readonly string[];
  /** Whether it runs something when it is installed. */
  readonly runsAtInstall: boolean;
}

const MOST_READABLE = 180;
const DIGEST_LENGTH = 12;

/** What a package is called in reports, and what tells it from all others. */
export function referenceOf({ name, version }: Pick<PackageTask, "name" | "version">): string {
  return version === null ? name : `${name}@${version}`;
}

/**
 * The id of a package's message. It can be read, and is an identifier whatever the name holds: the digest at its end is what makes it unique.
 *
 * @param place tells packages apart that have no version.
 */
export function taskId(name: string, version: string | null, place: string): string {
  const identity = version === null ? `${name}\n${place}` : `${name}@${version}`;
  const readable = `${name}@${version ?? "unknown"}`.replace(/[^A-Za-z0-9._~:@+=-]/g, "+").slice(0, MOST_READABLE);
  return `npm:${readable}~${digestOf(identity)}`;
}

/** A short name for what a text says. */
export function digestOf(text: string): string {
  return createHash("sha256").update(text).digest("hex").slice(0, DIGEST_LENGTH);
}
