import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";

/** Passes bytes on to a host on this machine, and cuts each connection after some bytes of answer. */
export class CuttingProxy {
  readonly #server: Server;
  readonly #sockets = new Set<Socket>();
  #cuts = 0;

  private constructor(port: number, bytesUntilCut: () => number) {
    this.#server = createServer((client) => this.#join(client, connect(port, "127.0.0.1"), bytesUntilCut()));
  }

  static async open(port: number, bytesUntilCut: () => number): Promise<CuttingProxy> {
    const proxy = new CuttingProxy(port, bytesUntilCut);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get url(): string {
    return `http://127.0.0.1:${(this.#server.address() as AddressInfo).port}`;
  }

  get cuts(): number {
    return this.#cuts;
  }

  #join(client: Socket, upstream: Socket, most: number): void {
    let passed = 0;
    client.pipe(upstream);
    upstream.on("data", (chunk: Buffer) => {
      if (passed >= most) return;
      client.write(chunk.subarray(0, most - passed));
      passed += chunk.length;
      if (passed < most) return;
      this.#cuts++;
      // Sometimes with a farewell, sometimes without.
      if (this.#cuts % 2 === 0) client.end();
      else client.resetAndDestroy();
      upstream.destroy();
    });
    for (const socket of [client, upstream]) {
      this.#sockets.add(socket);
      socket
        .on("error", () => undefined)
        .on("close", () => {
          this.#sockets.delete(socket);
          client.destroy();
          upstream.destroy();
        });
    }
  }

  async close(): Promise<void> {
    for (const socket of this.#sockets) socket.destroy();
    await new Promise((resolve) => this.#server.close(resolve));
  }
}
