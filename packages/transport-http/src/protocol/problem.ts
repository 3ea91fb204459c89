import { SSSNError, errorOfParts, type ErrorCode, type ErrorDetails } from "@sssn/core";

/** An RFC 9457 problem document. `code`, `retryable` and `details` are those of the thrown error. */
export interface Problem {
  readonly type: string;
  readonly title: string;
  readonly status: number;
  readonly detail: string;
  readonly code: ErrorCode;
  readonly retryable: boolean;
  readonly details: ErrorDetails;
}

/** The media type of a problem document. */
export const PROBLEM_TYPE = "application/problem+json";

/** The problem document of an error. */
export function toProblem(error: SSSNError): Problem {
  const { code, status, message, retryable, details } = error;
  return { type: `urn:sssn:error:${code}`, title: code.replaceAll("_", " "), status, detail: message, code, retryable, details };
}

/** The error that a problem document stands for; anything unreadable becomes `transport_failed`. */
export function fromProblem(status: number, body: unknown): SSSNError {
  const { code, detail, details } = (typeof body === "object" && body !== null ? body : {}) as {
    code?: unknown;
    detail?: unknown;
    details?: unknown;
  };
  const error = errorOfParts({ code, message: detail, details });
  return (
    error ??
    new SSSNError(
      "transport_failed",
      `The server answered with status ${status} and nothing that explains it. Is this the address of an SSSN host?`,
      { details: { status } },
    )
  );
}
