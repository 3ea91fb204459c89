import { SSSNError, toError } from "@sssn/core";

/**
 * What failed, in the caller's words: a full disk, a damaged database, or anything else that may pass.
 *
 * @param outcome whether what was to be written was stored; left out where nothing was to be.
 */
export function storeFailure(what: string, folder: string, thrown: unknown, outcome?: "unknown"): SSSNError {
  const details = outcome === undefined ? {} : { outcome };
  const error = toError(thrown);
  const text = `${error.message} ${error.cause instanceof Error ? error.cause.message : ""}`;
  if (/no space left|ENOSPC|quota exceeded/i.test(text)) {
    return new SSSNError(
      "store_full",
      `${what}: the disk of ${folder} is full. Free some space and try again; nothing that was acknowledged is lost.`,
      { cause: error, details },
    );
  }
  if (codeOf(error) === "LEVEL_CORRUPTION" || /corruption/i.test(text)) {
    return new SSSNError(
      "store_corrupted",
      `${what}: the database in ${folder} is damaged (${summary(error)}). Keep a copy of the folder, then restore a backup, or see what verifyStore() and repairStore() can save; do not delete single files of it.`,
      { cause: error },
    );
  }
  return new SSSNError(
    "store_unavailable",
    `${what}: ${summary(error)} (folder ${folder}). Nothing was acknowledged; the same ids can safely be written again.`,
    { cause: error, details },
  );
}

/** Something of what was acknowledged is not there, or can't be trusted. */
export function damaged(folder: string, findings: readonly string[]): SSSNError {
  return new SSSNError(
    "store_corrupted",
    `The store in ${folder} is damaged and was not opened, so that nothing gets worse: ${findings.join("; ")}. Keep a copy of the folder, then restore a backup, or see what verifyStore() and repairStore() can save.`,
    { details: { findings: [...findings] } },
  );
}

/** The stable code of a database error, which the database wraps. */
export function codeOf(error: Error): string | undefined {
  const inner = error.cause instanceof Error ? (error.cause as Error & { code?: string }).code : undefined;
  return inner ?? (error as Error & { code?: string }).code;
}

function summary(error: Error): string {
  return error.cause instanceof Error ? error.cause.message : error.message;
}
