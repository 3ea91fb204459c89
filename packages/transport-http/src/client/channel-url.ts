import { SSSNError, validateIdentifier } from "@sssn/core";
import { decoded } from "../protocol/decoded.js";

/**
 * Which channel a URL is of, and the channel's own URL.
 *
 * @param id where the URL is the host's.
 * @throws SSSNError `invalid_argument`, `invalid_identifier`.
 */
export function channelUrl(text: string, id: string | undefined): { id: string; url: string } {
  const base = httpUrl(text, "channel", "http://host:port/channels/<id>");
  const named = /^(.*)\/channels\/([^/]+)$/.exec(base);
  const last = named?.[2] === undefined ? undefined : decoded(named[2]);
  if (last !== undefined && (id === undefined || id === last)) return { id: validateIdentifier("channel id", last), url: base };
  if (id === undefined) throw new SSSNError("invalid_argument", `${base} names no channel: add /channels/<id>, or give the id as well.`);
  return { id: validateIdentifier("channel id", id), url: `${base.replace(/\/channels$/, "")}/channels/${encodeURIComponent(id)}` };
}

/**
 * A URL over http or https, without query, fragment, and slashes at its end.
 *
 * @throws SSSNError `invalid_argument`.
 */
export function httpUrl(text: string, what: "channel" | "host", example: string): string {
  if (!URL.canParse(text))
    throw new SSSNError("invalid_argument", `${JSON.stringify(text)} is not a URL. A ${what}'s URL looks like ${example}.`);
  const url = new URL(text);
  if (url.protocol !== "http:" && url.protocol !== "https:")
    throw new SSSNError("invalid_argument", `A ${what} is reached over http or https, not ${url.protocol}`);
  url.search = "";
  url.hash = "";
  return url.href.replace(/\/+$/, "");
}

/** The query of a URL; what is `undefined` is left out. */
export function queryText(values: Readonly<Record<string, string | number | undefined>>): string {
  const query = new URLSearchParams();
  for (const [name, value] of Object.entries(values)) if (value !== undefined) query.set(name, String(value));
  const text = query.toString();
  return text === "" ? "" : `?${text}`;
}
