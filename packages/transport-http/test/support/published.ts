import { createServer, connect } from "node:net";
import {
  BaseSystem,
  BroadcastChannel,
  MailboxChannel,
  MemoryMessageStore,
  PassthroughChannel,
  Visibility,
  WorkQueueChannel,
  silentLogger,
  type ChannelOptions,
  type Role,
} from "@sssn/core";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { onTestFinished } from "vitest";
import { HttpTransport, type HttpTransportOptions } from "../../src/index.js";
import { HttpChannel } from "../../src/client.js";

export const SECRET = "0123456789abcdef0123456789abcdef";
const logger = silentLogger;

export interface Answer {
  readonly status: number;
  readonly body: unknown;
  readonly headers: Headers;
}

export interface Published {
  readonly url: string;
  readonly system: BaseSystem;
  readonly security: JWTChannelSecurity;
  readonly transport: HttpTransport;
  token(role: Role, channels?: readonly string[] | "*", systemId?: string): Promise<string>;
  fetch(path: string, token?: string, init?: RequestInit): Promise<Answer>;
  remote(id: string, role?: Role, systemId?: string): Promise<HttpChannel>;
}

/** A system with a channel of each kind and a private one, published on a free port until the test is over. */
export async function publish(options: HttpTransportOptions = {}): Promise<Published> {
  const store = new MemoryMessageStore();
  const security = new JWTChannelSecurity({ secret: SECRET });
  const common = (id: string): ChannelOptions => ({ id, store, security, logger, visibility: Visibility.PUBLIC });
  const system = new BaseSystem({ id: "host", logger });
  system.addChannel(new PassthroughChannel(common("orders")));
  system.addChannel(new BroadcastChannel(common("news")));
  system.addChannel(new WorkQueueChannel({ ...common("jobs"), claimTimeoutMs: 60_000 }));
  system.addChannel(new MailboxChannel(common("mail")));
  system.addChannel(new PassthroughChannel({ ...common("secret"), visibility: Visibility.PRIVATE }));
  const transport = new HttpTransport({ port: 0, logger, ...options });
  const running = await system.publish({ transport });
  onTestFinished(async () => {
    await running.close({ timeoutMs: 2_000 });
  });
  const [url = ""] = running.addresses;
  const token: Published["token"] = (role, channels = "*", systemId = "caller") => security.generateToken({ systemId, role, channels });
  return {
    url,
    system,
    security,
    transport,
    token,
    async fetch(path, bearer, init = {}) {
      const response = await fetch(`${url}${path}`, {
        ...init,
        headers: {
          ...(bearer === undefined ? {} : { authorization: `Bearer ${bearer}` }),
          ...(init.body ? { "content-type": "application/json" } : {}),
          ...init.headers,
        },
      });
      const text = await response.text();
      return { status: response.status, headers: response.headers, body: text === "" ? undefined : (JSON.parse(text) as unknown) };
    },
    remote: async (id, role = "admin", systemId = "caller") =>
      new HttpChannel({ url, id, token: await token(role, "*", systemId), logger }),
  };
}

export const post = (body: unknown): RequestInit => ({ method: "POST", body: JSON.stringify(body) });

/**
 * Bytes as they are sent, and whatever comes back until the connection ends.
 *
 * @param until after this, nothing more is sent. Default: the server ends the connection.
 */
export function rawRequest(url: string, text: string | Buffer, until?: () => Promise<void>): Promise<string> {
  const { hostname, port } = new URL(url);
  return new Promise((resolve, reject) => {
    const socket = connect(Number(port), hostname, () => {
      socket.write(text);
      void until?.().then(() => socket.end(), reject);
    });
    let answer = "";
    socket.on("data", (chunk: Buffer) => (answer += chunk.toString("latin1")));
    socket.on("close", () => resolve(answer));
    // A server that refuses to read on may reset the connection; what it said before counts.
    socket.on("error", (error: NodeJS.ErrnoException) =>
      error.code === "ECONNRESET" || error.code === "EPIPE" ? resolve(answer) : reject(error),
    );
  });
}

/** Passes bytes on to a host, and cuts each connection after as many bytes of answer as the function says. */
export async function cuttingProxy(target: string, bytesUntilCut: () => number): Promise<{ url: string; cuts(): number }> {
  let cuts = 0;
  const { hostname, port } = new URL(target);
  const sockets = new Set<{ destroy(): void }>();
  const server = createServer((client) => {
    const upstream = connect(Number(port), hostname);
    const most = bytesUntilCut();
    sockets.add(client).add(upstream);
    let passed = 0;
    client.pipe(upstream);
    upstream.on("data", (chunk: Buffer) => {
      if (passed >= most) return;
      client.write(chunk.subarray(0, most - passed));
      passed += chunk.length;
      if (passed < most) return;
      cuts++;
      client.end();
      upstream.destroy();
    });
    for (const socket of [client, upstream]) {
      socket
        .on("error", () => undefined)
        .on("close", () => {
          client.destroy();
          upstream.destroy();
          sockets.delete(socket);
        });
    }
  });
  await new Promise<void>((resolve) => server.listen(0, "127.0.0.1", resolve));
  onTestFinished(async () => {
    for (const socket of sockets) socket.destroy();
    await new Promise<void>((resolve) => void server.close(() => resolve()));
  });
  return { url: `http://127.0.0.1:${(server.address() as { port: number }).port}`, cuts: () => cuts };
}
