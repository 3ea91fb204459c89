import { SSSNError, describe } from "@sssn/core";
import type { HttpTransportOptions } from "./http-transport-options.js";

const HOST_NAME = /^(?:[^\s/:[\]*]+|\[[\da-f:.]+\])$/i;

/** Names that no request could ever match would shut everybody out, without a word. @throws SSSNError `invalid_argument`. */
export function checkNames({ publicUrl, corsOrigins, allowedHosts }: HttpTransportOptions): void {
  if (publicUrl !== undefined && !isWebAddress(publicUrl))
    throw refused("publicUrl", "takes the address that clients use, such as https://shop.example", publicUrl);
  check("corsOrigins", "a list of origins as browsers tell them, such as https://app.example", corsOrigins, isOrigin);
  check("allowedHosts", "a list of names without scheme and port, such as shop.example", allowedHosts, (name) => HOST_NAME.test(name));
}

function check(option: string, wanted: string, given: unknown, fits: (text: string) => boolean): void {
  if (given === undefined) return;
  if (!Array.isArray(given)) throw refused(option, `takes ${wanted}`, given);
  for (const text of given as readonly unknown[])
    if (typeof text !== "string" || !fits(text)) throw refused(option, `takes ${wanted}`, text, " among them");
}

function refused(option: string, wanted: string, given: unknown, where = ""): SSSNError {
  return new SSSNError("invalid_argument", `${option} ${wanted}, but ${describe(given)} is given${where}.`, {
    details: { argument: option },
  });
}

function isWebAddress(text: unknown): boolean {
  return typeof text === "string" && URL.canParse(text) && /^https?:$/.test(new URL(text).protocol);
}

/** Pages without an origin of the web, such as those of an extension, say one as well. */
function isOrigin(text: string): boolean {
  return /^[a-z][\w+.-]*:\/\/[^\s/?#*]+$/.test(text) && URL.canParse(text);
}
