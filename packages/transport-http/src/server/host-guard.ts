import type { IncomingMessage } from "node:http";
import { SSSNError, describe } from "@sssn/core";

/** More headers than anybody needs. */
const MOST_HEADERS = 200;

export interface HostGuardOptions {
  /** Where the server listens. */
  readonly host: string;
  readonly isLoopback: boolean;
  readonly publicUrl: string | undefined;
  readonly allowedHosts: readonly string[] | undefined;
  readonly corsOrigins: readonly string[];
}

const LOOPBACK_NAMES = ["localhost", "127.0.0.1", "[::1]"];

/**
 * Judges what a request says of where it wants to go and comes from. A page of another site can make a browser send requests to this machine
 * under a name of its own (DNS rebinding): on loopback only loopback's own names are taken, besides those that were allowed.
 */
export class HostGuard {
  /** Host names that are served; `undefined`: any. */
  readonly #names: ReadonlySet<string> | undefined;
  readonly #origins: ReadonlySet<string>;

  constructor({ host, isLoopback, publicUrl, allowedHosts, corsOrigins }: HostGuardOptions) {
    const own = publicUrl === undefined ? [] : [new URL(publicUrl).hostname];
    const named = [...own, ...(allowedHosts ?? [])].map((name) => name.toLowerCase());
    this.#names = isLoopback
      ? new Set([...LOOPBACK_NAMES, host.toLowerCase(), ...named])
      : allowedHosts && new Set([host.toLowerCase(), ...named]);
    this.#origins = new Set(corsOrigins);
  }

  /** @throws SSSNError `headers_too_large`, `host_not_allowed`, `origin_not_allowed`. */
  check(request: IncomingMessage): void {
    if (request.rawHeaders.length > 2 * MOST_HEADERS)
      throw new SSSNError(
        "headers_too_large",
        `A request has at most ${MOST_HEADERS} headers here, but this one has ${request.rawHeaders.length / 2}.`,
      );
    const names = this.#names;
    if (!names || isProbe(request.url)) return;
    const { host, origin } = request.headers;
    if (host !== undefined && !names.has(nameOf(host)))
      throw new SSSNError(
        "host_not_allowed",
        `This host does not answer to ${describe(host)}. Use the address that it told when it started, or add the name to allowedHosts.`,
      );
    if (origin === undefined || this.#origins.has(origin) || names.has(originName(origin))) return;
    throw new SSSNError("origin_not_allowed", `Pages of ${describe(origin)} may not call this host. Add the origin to corsOrigins.`);
  }
}

/** Whoever looks after the machine asks by its address. */
function isProbe(url: string | undefined): boolean {
  return url === "/healthz" || url === "/readyz";
}

/** A Host header without its port, in small letters. */
function nameOf(host: string): string {
  return host.toLowerCase().replace(/:\d*$/, "");
}

function originName(origin: string): string {
  return URL.canParse(origin) ? new URL(origin).hostname : "";
}
