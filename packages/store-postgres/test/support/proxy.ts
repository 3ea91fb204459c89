import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import { once } from "node:events";

/** Stands between a store and its server, and does to their connections what networks do. */
export class Proxy implements AsyncDisposable {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #isOpen = true;
  #swallowing: string | undefined;
  /** How often an answer was lost. */
  swallowed = 0;

  private constructor(target: URL) {
    this.#server = createServer((client) => this.#join(client, target));
  }

  /** @returns the proxy, and the address that leads through it. */
  static async before(url: string): Promise<{ proxy: Proxy; through: string }> {
    const target = new URL(url);
    const proxy = new Proxy(target);
    proxy.#server.listen(0, "127.0.0.1");
    await once(proxy.#server, "listening");
    const through = new URL(url);
    through.hostname = "127.0.0.1";
    through.port = String((proxy.#server.address() as AddressInfo).port);
    return { proxy, through: through.href };
  }

  #join(client: Socket, target: URL): void {
    if (!this.#isOpen) return void client.destroy();
    const server = connect(Number(target.port || 5432), target.hostname);
    let isLost = false;
    for (const [socket, other] of [
      [client, server],
      [server, client],
    ] as const) {
      this.#sockets.add(socket);
      socket.on("error", () => undefined);
      socket.on("close", () => {
        this.#sockets.delete(socket);
        other.destroy();
      });
    }
    client.on("data", (data) => {
      if (this.#swallowing !== undefined && data.includes(this.#swallowing)) {
        this.#swallowing = undefined;
        isLost = true;
      }
      server.write(data);
    });
    server.on("data", (data) => {
      if (!isLost) return void client.write(data);
      this.swallowed++;
      client.destroy();
    });
  }

  /** The server does what it is told with this text in it, and its answer is lost. */
  loseAnswerTo(text: string): void {
    this.#swallowing = text;
  }

  /** Nobody comes through any more, and who has is cut off. */
  close(): void {
    this.#isOpen = false;
    this.cut();
  }

  open(): void {
    this.#isOpen = true;
  }

  cut(): void {
    for (const socket of this.#sockets) socket.destroy();
  }

  async [Symbol.asyncDispose](): Promise<void> {
    this.close();
    this.#server.close();
    await once(this.#server, "close");
  }
}
