import type { JsonValue } from "./json-value.js";

/**
 * Every way in which SSSN fails, by stable code: the HTTP status it maps to and whether trying the same call again can
 * help. Branch on the code, never on a message. Codes do not change between majors.
 */
export const ERRORS = {
  invalid_argument: { status: 400, retryable: false },
  invalid_identifier: { status: 400, retryable: false },
  invalid_content: { status: 400, retryable: false },
  position_ahead: { status: 400, retryable: false },
  host_not_allowed: { status: 421, retryable: false },
  origin_not_allowed: { status: 403, retryable: false },
  headers_too_large: { status: 431, retryable: false },
  token_unavailable: { status: 503, retryable: true },
  token_missing: { status: 401, retryable: false },
  token_invalid: { status: 401, retryable: false },
  token_expired: { status: 401, retryable: false },
  insufficient_role: { status: 403, retryable: false },
  insufficient_scope: { status: 403, retryable: false },
  channel_not_found: { status: 404, retryable: false },
  channel_not_connected: { status: 404, retryable: false },
  log_deleted: { status: 410, retryable: false },
  log_replaced: { status: 410, retryable: false },
  log_rewound: { status: 410, retryable: false },
  not_found: { status: 404, retryable: false },
  unknown_group: { status: 404, retryable: false },
  unsupported_operation: { status: 405, retryable: false },
  duplicate_id: { status: 409, retryable: false },
  message_conflict: { status: 409, retryable: false },
  position_conflict: { status: 409, retryable: false },
  lease_lost: { status: 409, retryable: false },
  cancelled: { status: 409, retryable: false },
  invalid_state: { status: 409, retryable: false },
  content_too_large: { status: 413, retryable: false },
  unsupported_media_type: { status: 415, retryable: false },
  content_rejected: { status: 422, retryable: false },
  backpressure: { status: 429, retryable: true },
  store_corrupted: { status: 500, retryable: false },
  delivery_failed: { status: 500, retryable: false },
  internal: { status: 500, retryable: false },
  transport_failed: { status: 502, retryable: true },
  channel_not_running: { status: 503, retryable: true },
  store_unavailable: { status: 503, retryable: true },
  store_closed: { status: 503, retryable: false },
  store_locked: { status: 503, retryable: false },
  address_in_use: { status: 503, retryable: false },
  insecure_publication: { status: 500, retryable: false },
  keys_unavailable: { status: 503, retryable: true },
  revocations_unavailable: { status: 503, retryable: true },
  timeout: { status: 504, retryable: true },
  store_full: { status: 507, retryable: true },
} as const satisfies Record<string, { status: number; retryable: boolean }>;

/** A stable error code: a key of {@link ERRORS}. */
export type ErrorCode = keyof typeof ERRORS;

/** Facts about an error that a program can use. They are sent over HTTP as they stand, so they never hold a secret. */
export type ErrorDetails = Readonly<Record<string, JsonValue>>;

const brand: unique symbol = Symbol.for("@sssn/core/error");

/**
 * The base of every error that SSSN raises.
 *
 * Recognise it with {@link isSSSNError}, which also knows the errors of a second installed copy of this package.
 */
export class SSSNError extends Error {
  readonly [brand] = true;
  /** What went wrong, stable between majors. */
  readonly code: ErrorCode;
  /** The HTTP status that this error maps to. */
  readonly status: number;
  /** Whether the same call can succeed later. */
  readonly retryable: boolean;
  /** Facts about the error: the offending path, the known names, how long to wait. */
  readonly details: ErrorDetails;

  constructor(code: ErrorCode, message: string, options: { details?: ErrorDetails; cause?: unknown } = {}) {
    super(message, options.cause === undefined ? undefined : { cause: options.cause });
    this.name = "SSSNError";
    this.code = code;
    this.status = ERRORS[code].status;
    this.retryable = ERRORS[code].retryable;
    this.details = options.details ?? {};
  }
}

/**
 * Tells whether a caught value is an SSSN error, and of one code where that is asked for.
 *
 * @example
 * ```ts
 * import { isSSSNError, validateIdentifier } from "@sssn/core";
 * try {
 *   validateIdentifier("channel id", "../etc");
 * } catch (error) {
 *   if (!isSSSNError(error, "invalid_identifier")) throw error;
 * }
 * ```
 */
export function isSSSNError(value: unknown, code?: ErrorCode): value is SSSNError {
  return value instanceof Error && brand in value && (code === undefined || (value as SSSNError).code === code);
}

/** Tells whether a text is one of the codes of {@link ERRORS}. */
export function isErrorCode(value: unknown): value is ErrorCode {
  return typeof value === "string" && Object.hasOwn(ERRORS, value);
}

/** The error whose `code`, `message` and `details` these are, after they have travelled as JSON; `undefined` when they are not an SSSN error's. */
export function errorOfParts(parts: unknown): SSSNError | undefined {
  if (typeof parts !== "object" || parts === null) return undefined;
  const { code, message, details } = parts as { readonly code?: unknown; readonly message?: unknown; readonly details?: unknown };
  if (!isErrorCode(code)) return undefined;
  return new SSSNError(code, typeof message === "string" ? message : code, {
    details: typeof details === "object" && details !== null ? (details as ErrorDetails) : {},
  });
}

/** Turns whatever was thrown into an `Error`, so that a log or an event can carry it. */
export function toError(thrown: unknown): Error {
  return thrown instanceof Error ? thrown : new Error(`A value that is no Error was thrown: ${describe(thrown)}`);
}

/** A short, printable rendering of any value for an error message: never longer than 80 characters, no control characters. */
export function describe(value: unknown): string {
  let text: string;
  try {
    text = typeof value === "string" ? JSON.stringify(value) : typeof value === "function" ? "a function" : String(value);
  } catch {
    text = "a value that can't be shown";
  }
  const printable = text.replace(/[\p{Cc}\p{Cf}\u2028\u2029]/gu, "?");
  return printable.length > 80 ? `${printable.slice(0, 77)}...` : printable;
}
