import {
  CHANNEL_KINDS,
  SSSNError,
  describe,
  freezeJsonWithin,
  validateIdentifier,
  validateInteger,
  type BackoffOptions,
  type ChannelInfo,
  type SystemDescriptor,
} from "@sssn/core";

/** How long a registration lives without a refresh that says nothing else: a minute. */
export const DEFAULT_TTL_MS = 60_000;
const SHORTEST_TTL_MS = 100;
const LONGEST_TTL_MS = 7 * 24 * 3600 * 1000;
const MOST_ENDPOINTS = 16;
const MOST_NAMES = 1_000;
const LONGEST_TEXT = 4_096;
const LONGEST_SCHEMA = 65_536;

/** What a discovery channel holds: one announcement about a channel or a system. The newest about an id counts; several hosts of one id each have one of their own, told apart by `host`. */
export type Registration =
  | { readonly type: "channel"; readonly id: string; readonly host?: string; readonly ttlMs: number; readonly channel: ChannelInfo }
  | { readonly type: "system"; readonly id: string; readonly host?: string; readonly ttlMs: number; readonly system: SystemDescriptor }
  | { readonly type: "withdrawn"; readonly id: string; readonly host?: string; readonly of: "channel" | "system" };

/**
 * Checks what somebody wants to register. Endpoints are data: nobody here ever calls them.
 *
 * @throws SSSNError `invalid_content`, `invalid_identifier`, `invalid_argument`.
 */
export function checkRegistration(value: unknown): Registration {
  const registration = record("content", value, ["type", "id", "host", "ttlMs", "channel", "system", "of"]);
  const id = validateIdentifier("registered id", registration["id"]);
  const host = optional("host", registration, (value) => validateIdentifier("host", value));
  switch (registration["type"]) {
    case "channel":
      return { type: "channel", id, ...host, ttlMs: ttl(registration["ttlMs"]), channel: channelInfo(id, registration["channel"]) };
    case "system":
      return { type: "system", id, ...host, ttlMs: ttl(registration["ttlMs"]), system: systemDescriptor(id, registration["system"]) };
    case "withdrawn":
      return {
        type: "withdrawn",
        id,
        ...host,
        of: registration["of"] === "system" ? "system" : oneOf("content.of", registration["of"], ["channel", "system"]),
      };
    default:
      throw invalid("content.type", registration["type"], `one of channel, system, withdrawn`);
  }
}

function channelInfo(id: string, value: unknown): ChannelInfo {
  const info = record("content.channel", value, [
    "id",
    "name",
    "description",
    "kind",
    "visibility",
    "periodMs",
    "shared",
    "backoff",
    // Whoever registers what a channel says of itself has these as well. They are its operator's, and are not kept.
    "retention",
    "maintenanceIntervalMs",
    "endpoints",
  ]);
  if (info["id"] !== id) throw invalid("content.channel.id", info["id"], `the id of the registration, ${id}`);
  return {
    id,
    name: text("content.channel.name", info["name"]),
    description: text("content.channel.description", info["description"]),
    kind: oneOf("content.channel.kind", info["kind"], CHANNEL_KINDS),
    visibility: oneOf("content.channel.visibility", info["visibility"], ["public", "private"]),
    ...(info["periodMs"] === undefined ? {} : { periodMs: validateInteger("periodMs", info["periodMs"], 1, Number.MAX_SAFE_INTEGER) }),
    ...optional("shared", info, (shared) => shared === true),
    ...optional("backoff", info, backoffOf),
    endpoints: list("content.channel.endpoints", info["endpoints"], MOST_ENDPOINTS).map((entry, index) => {
      const endpoint = record(`content.channel.endpoints[${index}]`, entry, ["transport", "url"]);
      return {
        transport: validateIdentifier("transport", endpoint["transport"]),
        url: httpUrl(`content.channel.endpoints[${index}].url`, endpoint["url"]),
      };
    }),
  };
}

function backoffOf(value: unknown): BackoffOptions {
  const backoff = record("content.channel.backoff", value, ["initialMs", "factor", "maxMs"]);
  const number = (name: "initialMs" | "factor" | "maxMs"): number => {
    const found = backoff[name];
    if (typeof found === "number" && Number.isFinite(found) && found >= 0) return found;
    throw invalid(`content.channel.backoff.${name}`, found, "a number from 0 on");
  };
  return {
    ...optional("initialMs", backoff, () => number("initialMs")),
    ...optional("factor", backoff, () => number("factor")),
    ...optional("maxMs", backoff, () => number("maxMs")),
  };
}

function systemDescriptor(id: string, value: unknown): SystemDescriptor {
  const system = record("content.system", value, ["id", "name", "description", "capabilities", "channels"]);
  if (system["id"] !== id) throw invalid("content.system.id", system["id"], `the id of the registration, ${id}`);
  return {
    id,
    name: text("content.system.name", system["name"]),
    description: text("content.system.description", system["description"]),
    capabilities: list("content.system.capabilities", system["capabilities"], MOST_NAMES).map((entry, index) => {
      const path = `content.system.capabilities[${index}]`;
      const capability = record(path, entry, ["name", "description", "inputSchema", "outputSchema", "requests", "replies"]);
      return {
        name: text(`${path}.name`, capability["name"]),
        description: text(`${path}.description`, capability["description"]),
        ...optional("inputSchema", capability, (value) => freezeJsonWithin(LONGEST_SCHEMA, value, `${path}.inputSchema`)),
        ...optional("outputSchema", capability, (value) => freezeJsonWithin(LONGEST_SCHEMA, value, `${path}.outputSchema`)),
        ...optional("requests", capability, (value) => validateIdentifier("channel id", value)),
        ...optional("replies", capability, (value) => validateIdentifier("channel id", value)),
      };
    }),
    channels: list("content.system.channels", system["channels"], MOST_NAMES).map((channel) => validateIdentifier("channel id", channel)),
  };
}

/** A member that may be left out. */
function optional<Name extends string, Value>(
  name: Name,
  of: Readonly<Record<string, unknown>>,
  check: (value: unknown) => Value,
): { readonly [Key in Name]?: Value } {
  const value = of[name];
  return value === undefined ? {} : ({ [name]: check(value) } as { readonly [Key in Name]: Value });
}

function httpUrl(path: string, value: unknown): string {
  const given = text(path, value);
  if (/^https?:\/\/[^\s]+$/.test(given) && URL.canParse(given)) return given;
  throw invalid(path, value, "a URL of http or https");
}

function ttl(value: unknown): number {
  return validateInteger("ttlMs", value ?? DEFAULT_TTL_MS, SHORTEST_TTL_MS, LONGEST_TTL_MS);
}

function text(path: string, value: unknown): string {
  if (typeof value === "string" && value.length <= LONGEST_TEXT) return value;
  throw invalid(path, value, `a text of at most ${LONGEST_TEXT} characters`);
}

function list(path: string, value: unknown, most: number): readonly unknown[] {
  if (Array.isArray(value) && value.length <= most) return value;
  throw invalid(path, value, `a list of at most ${most}`);
}

function oneOf<Name extends string>(path: string, value: unknown, names: readonly Name[]): Name {
  const found = names.find((name) => name === value);
  if (found !== undefined) return found;
  throw invalid(path, value, `one of ${names.join(", ")}`);
}

function record(path: string, value: unknown, known: readonly string[]): Readonly<Record<string, unknown>> {
  if (typeof value !== "object" || value === null || Array.isArray(value)) throw invalid(path, value, "an object");
  const stranger = Object.keys(value).find((key) => !known.includes(key));
  if (stranger !== undefined)
    throw invalid(`${path}.${stranger}`, (value as Record<string, unknown>)[stranger], "left out: it is unknown here");
  return value as Record<string, unknown>;
}

function invalid(path: string, value: unknown, expected: string): SSSNError {
  return new SSSNError("invalid_content", `${path} must be ${expected}, but is ${describe(value)}.`, { details: { path } });
}
