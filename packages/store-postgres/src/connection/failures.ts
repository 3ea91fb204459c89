import { SSSNError, isSSSNError, type ErrorCode } from "@sssn/core";

/** What is known of a call that failed. `not_stored`: nothing of it is there. `unknown`: it may be. */
export type Outcome = "not_stored" | "unknown";

/** The server is not there, or it ended the connection, or it asks to try again. */
const PASSING = new Set([
  "ECONNREFUSED",
  "ECONNRESET",
  "EPIPE",
  "ETIMEDOUT",
  "ENOTFOUND",
  "EAI_AGAIN",
  "EHOSTUNREACH",
  "ENETUNREACH",
  "25006", // A standby, or a server that is being made one.
  "25P03", // The transaction was idle for too long: this process was stopped.
  "40001",
  "40P01",
  "53300", // Too many connections.
  "53400",
  "55000", // Recovery is in progress.
  "55P03",
  "57014", // Somebody, or a time-out, cancelled the statement.
  "57P01",
  "57P02",
  "57P03",
  "57P05",
]);
const FULL = new Set(["53100", "53200"]);
const DAMAGED = new Set(["XX001", "XX002"]);

/** What a person has to mend, by the code of the server. */
const REMEDIES: Readonly<Record<string, string>> = {
  "28P01": "The password, or the user, is wrong: look at the address of the store.",
  "28000": "This user may not connect: look at pg_hba.conf of the server, and at the address of the store.",
  "3D000": "There is no such database: make it, or look at the address of the store.",
  "42501":
    "This user lacks a right. It needs to make the schema (CREATE on the database), or to use one that is there and to read and write its tables.",
  "3F000": "The schema was dropped while the store was open: open the store again.",
  "42P01": "A table of the schema was dropped while the store was open: restore it from a back-up, or drop the whole schema to begin anew.",
};

/** What this store's own function in the database refuses. */
const REFUSALS: Readonly<Record<string, ErrorCode>> = {
  SS001: "lease_lost",
  SS002: "invalid_state",
  SS003: "store_unavailable",
  SS004: "message_conflict",
};

/** The code of what the driver or the server throws. */
function codeOf(error: unknown): string | undefined {
  return error instanceof Error && "code" in error && typeof error.code === "string" ? error.code : undefined;
}

/** Whether the same call may succeed in a moment. */
export function isPassing(error: unknown): boolean {
  if (!(error instanceof Error) || isSSSNError(error)) return false;
  const code = codeOf(error);
  if (code !== undefined) return PASSING.has(code) || code.startsWith("08");
  return /connection (terminated|ended|error)|timeout exceeded when trying to connect|not queryable|server closed/i.test(error.message);
}

/** Whether it comes from the driver or the server, and not from a mistake in a program. */
export function isOfDatabase(error: unknown): boolean {
  return !isSSSNError(error) && (isPassing(error) || /^[0-9A-Z]{5}$/.test(codeOf(error) ?? ""));
}

/** What the driver or the server throws, as an error of this project; what already is one stays as it is. */
export function explain(error: unknown, outcome: Outcome = "not_stored"): unknown {
  if (isSSSNError(error) || !(error instanceof Error)) return error;
  const code = codeOf(error);
  const options = { cause: error, details: { outcome, ...(code === undefined ? {} : { reason: code }) } };
  const refusal = code === undefined ? undefined : REFUSALS[code];
  if (refusal) return new SSSNError(refusal, `${error.message} Nothing of the transaction was stored.`, { cause: error });
  if (code !== undefined && FULL.has(code))
    return new SSSNError(
      "store_full",
      `The PostgreSQL server has no room left (${error.message}). Nothing was stored; make room, and try again.`,
      options,
    );
  if (code !== undefined && DAMAGED.has(code))
    return new SSSNError("store_corrupted", `The PostgreSQL server found damaged data (${error.message}).`, options);
  if (!isOfDatabase(error)) return error;
  const remedy =
    (code === undefined ? undefined : REMEDIES[code]) ??
    (outcome === "unknown" ? "Whether it was stored is unknown: the same ids are safe to write again." : "Nothing was stored; try again.");
  return new SSSNError("store_unavailable", `PostgreSQL can't be used: ${error.message}. ${remedy}`, options);
}
