import { isUtf8 } from "node:buffer";
import type { IncomingMessage } from "node:http";
import { SSSNError, describe } from "@sssn/core";
import { parseJson } from "./parse-json.js";

const JSON_TYPE = /^application\/(?:[\w.+-]+\+)?json\s*(?:;\s*charset\s*=\s*"?utf-?8"?\s*)?$/i;

/**
 * Reads a request's body as JSON, within a limit. No body at all is an empty object.
 *
 * Read by hand, because express.json() costs more than all the rest of a request.
 *
 * @throws SSSNError `unsupported_media_type`, `content_too_large`, `invalid_content`.
 */
export async function readJsonBody(request: IncomingMessage, maxBytes: number): Promise<unknown> {
  const { "content-length": length, "content-type": type, "content-encoding": encoding } = request.headers;
  if (encoding !== undefined && encoding !== "identity")
    throw new SSSNError("unsupported_media_type", "The body must be JSON in UTF-8, not compressed.");
  if (Number(length) > maxBytes) throw tooLarge(maxBytes);
  if (length === "0" || (length === undefined && request.headers["transfer-encoding"] === undefined)) return {};
  if (request.readableEnded) return parsedElsewhere(request);
  if (type === undefined || !JSON_TYPE.test(type))
    throw new SSSNError("unsupported_media_type", "The body must be JSON in UTF-8: send the header content-type: application/json.");
  const bytes = await readBytes(request, maxBytes);
  if (bytes.length === 0) return {};
  if (!isUtf8(bytes)) throw new SSSNError("invalid_content", "The body is not valid UTF-8.", { details: { path: "body" } });
  return parseJson(bytes.toString());
}

/** Some middleware on the application has read the body: what it has made of it is taken. */
function parsedElsewhere(request: IncomingMessage & { readonly body?: unknown }): unknown {
  const { body } = request;
  if (body instanceof Uint8Array || typeof body === "string") return parseJson(body.toString());
  if (body !== undefined) return body;
  throw new SSSNError(
    "invalid_state",
    "Some middleware on transport.app has read the body of this request and left nothing of it. Mount it below a path of its own, or let it set request.body.",
  );
}

function readBytes(request: IncomingMessage, maxBytes: number): Promise<Buffer> {
  return new Promise((resolve, reject) => {
    const chunks: Buffer[] = [];
    let size = 0;
    request.on("data", (chunk: Buffer) => {
      size += chunk.length;
      if (size <= maxBytes) chunks.push(chunk);
      else {
        request.removeAllListeners("data").pause();
        reject(tooLarge(maxBytes));
      }
    });
    request.once("end", () => resolve(chunks.length === 1 && chunks[0] ? chunks[0] : Buffer.concat(chunks)));
    request.once("error", () => reject(broken()));
    // It also closes after its end; making an error each time would cost more than reading.
    request.once("close", () => {
      if (!request.readableEnded) reject(broken());
    });
  });
}

function broken(): SSSNError {
  return new SSSNError("invalid_content", "The body ended before its announced length.", { details: { path: "body" } });
}

function tooLarge(maxBytes: number): SSSNError {
  return new SSSNError("content_too_large", `The body is larger than ${describe(maxBytes)} bytes. Send less at a time.`, {
    details: { maxBytes },
  });
}
