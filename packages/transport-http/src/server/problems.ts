import type { NextFunction, Request, Response } from "express";
import { SSSNError, toError, type Logger } from "@sssn/core";
import { PROBLEM_TYPE, toProblem } from "../protocol.js";

/** Answers with a problem document. Once a stream has begun there is nothing left to say: it is cut. */
function sendProblem(response: Response, error: SSSNError): void {
  if (response.headersSent) {
    response.destroy();
    return;
  }
  response.status(error.status);
  if (error.status === 401) response.set("WWW-Authenticate", `Bearer realm="sssn"${error.code === "token_missing" ? "" : `, error="invalid_token"`}`);
  if (error.status === 403) response.set("WWW-Authenticate", `Bearer realm="sssn", error="insufficient_scope"`);
  if (error.retryable) {
    const wait = error.details["retryAfterMs"];
    response.set("Retry-After", String(Math.max(1, Math.ceil((typeof wait === "number" ? wait : 1_000) / 1_000))));
  }
  response.type(PROBLEM_TYPE).send(JSON.stringify(toProblem(error)));
}

/** The last stop of every request that failed. What is not an SSSN error is logged and says nothing outside. */
export function problemHandler(logger: Logger) {
  // Express knows an error handler by its four parameters.
  return (thrown: unknown, _request: Request, response: Response, _next: NextFunction): void => {
    sendProblem(response, asSSSNError(thrown, logger));
  };
}

function asSSSNError(thrown: unknown, logger: Logger): SSSNError {
  if (thrown instanceof SSSNError) return thrown;
  const { type, limit } = thrown as { type?: unknown; limit?: number };
  switch (type) {
    case "entity.too.large":
      return new SSSNError("content_too_large", `The body is larger than ${limit ?? "the allowed number of"} bytes. Send less at a time.`, { details: { maxBytes: limit ?? 0 } });
    case "entity.parse.failed":
      return new SSSNError("invalid_content", "The body is not valid JSON.", { details: { path: "body" } });
    case "charset.unsupported":
    case "encoding.unsupported":
      return new SSSNError("unsupported_media_type", "The body must be JSON in UTF-8, not compressed.");
    case "request.aborted":
    case "request.size.invalid":
      return new SSSNError("invalid_content", "The body ended before its announced length.", { details: { path: "body" } });
  }
  if (thrown instanceof URIError) return new SSSNError("invalid_argument", "The path has a broken percent-encoding.");
  logger.error({ err: toError(thrown) }, "a request failed unexpectedly");
  return new SSSNError("internal", "The host could not finish this request. Its log says why.");
}
