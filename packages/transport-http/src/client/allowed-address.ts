import { SSSNError, describe, type ForeignAddress } from "@sssn/core";

/**
 * Why the token may not be sent to an address: somebody else has said it, and its origin was not allowed.
 *
 * @throws SSSNError `invalid_argument` for an origin that is none.
 */
export function refusalOf(address: string | ForeignAddress, origins: readonly string[] | undefined): SSSNError | undefined {
  if (typeof address === "string" && origins === undefined) return undefined;
  const url = String(address);
  if (origins === undefined)
    return new SSSNError(
      "origin_not_allowed",
      `${describe(url)} is what somebody else has said, and the token would be sent there. Say which origins may have it: { origins: ["https://…"] }.`,
      { details: { url } },
    );
  const allowed = origins.map(originOf);
  const origin = originOf(url);
  if (allowed.includes(origin)) return undefined;
  return new SSSNError("origin_not_allowed", `The token is not for ${origin}. It may be sent to: ${allowed.join(", ") || "none"}.`, {
    details: { origin },
  });
}

function originOf(text: string): string {
  if (URL.canParse(text)) return new URL(text).origin;
  throw new SSSNError("invalid_argument", `${describe(text)} is not a URL. An origin looks like https://host:port.`);
}
