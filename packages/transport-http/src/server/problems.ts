import { SSSNError, describe, isSSSNError, toError, type Logger } from "@sssn/core";
import { PROBLEM_TYPE, toProblem } from "../protocol/problem.js";
import type { Exchange } from "./exchange.js";

/** Answers with a problem document. Once a stream has begun there is nothing left to say: it is cut. */
export function sendProblem(exchange: Exchange, thrown: unknown, logger: Logger): void {
  const error = asSSSNError(exchange, thrown, logger);
  exchange.error = error.code;
  if ((error.code === "token_invalid" || error.code === "revocations_unavailable") && error.cause instanceof Error)
    exchange.reason = describe(error.cause.message);
  if (exchange.response.headersSent) {
    exchange.response.destroy();
    return;
  }
  exchange.send(error.status, PROBLEM_TYPE, JSON.stringify(toProblem(error)), headersOf(error));
}

/** For what no path leads to. */
export function nothingHere(): SSSNError {
  return new SSSNError("not_found", "There is nothing at this path. The channels are below /channels.");
}

/** @param allow the methods that the path takes; `undefined` where there is no such path. */
export function unmatched(allow: string | undefined): SSSNError {
  if (allow === undefined) return nothingHere();
  return new SSSNError("unsupported_operation", `This path takes ${allow}.`, { details: { allow } });
}

/** For what comes when the host takes nothing new any more. */
export function stopping(): SSSNError {
  return new SSSNError("channel_not_running", "This host is stopping and takes nothing new. Try again, here or at another one.");
}

function headersOf(error: SSSNError): string[] {
  const headers: string[] = [];
  if (error.status === 401)
    headers.push("WWW-Authenticate", `Bearer realm="sssn"${error.code === "token_missing" ? "" : `, error="invalid_token"`}`);
  if (error.status === 403) headers.push("WWW-Authenticate", `Bearer realm="sssn", error="insufficient_scope"`);
  if (error.status === 405 && typeof error.details["allow"] === "string") headers.push("Allow", error.details["allow"]);
  if (error.retryable) {
    const wait = error.details["retryAfterMs"];
    headers.push("Retry-After", String(Math.max(1, Math.ceil((typeof wait === "number" ? wait : 1_000) / 1_000))));
  }
  return headers;
}

/** What is not an SSSN error is logged and says nothing outside. */
function asSSSNError(exchange: Exchange, thrown: unknown, logger: Logger): SSSNError {
  if (isSSSNError(thrown)) return thrown;
  // What express says of a path that it can't decode.
  if (thrown instanceof URIError) return new SSSNError("not_found", "The path has a broken percent-encoding.");
  logger.error({ requestId: exchange.id, err: toError(thrown) }, "a request failed unexpectedly");
  return new SSSNError("internal", "The host could not finish this request. Its log says why.");
}
