import { connect, type Socket } from "node:net";

/** Clients of one stream of events, which count what they get. */
export class EventClients {
  readonly #sockets: Socket[] = [];
  #complete = 0;
  #told: () => void = () => {};
  /** What the last event of a run holds. */
  #last = "";

  /** Connects so many clients; the first `paused` of them never read. Resolves once all of them stream. */
  static async open(port: number, token: string, count: number, paused = 0): Promise<EventClients> {
    const clients = new EventClients();
    for (let from = 0; from < count; from += 200) {
      await Promise.all(
        Array.from({ length: Math.min(200, count - from) }, (_, index) => clients.#connect(port, token, from + index < paused)),
      );
    }
    return clients;
  }

  #connect(port: number, token: string, isPaused: boolean): Promise<void> {
    return new Promise((resolve, reject) => {
      const socket = connect(port, "127.0.0.1", () =>
        socket.write(`GET /channels/bench/stream HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer ${token}\r\n\r\n`),
      );
      this.#sockets.push(socket);
      let tail = "";
      let isOpen = false;
      socket.on("error", reject);
      socket.on("data", (chunk: Buffer) => {
        if (!isOpen) {
          isOpen = true;
          if (isPaused) socket.pause();
          resolve();
        }
        // Only the end matters: an event is told by its id, and ids come in order.
        tail = (tail + chunk.subarray(-600).toString("latin1")).slice(-1_200);
        if (this.#last === "" || !tail.includes(this.#last)) return;
        tail = "";
        this.#complete++;
        this.#told();
      });
    });
  }

  /** Resolves when so many clients have had the event with this id. */
  async reach(id: number, clients: number): Promise<void> {
    this.#last = `id: ${id}\n`;
    this.#complete = 0;
    await new Promise<void>((resolve) => {
      this.#told = () => {
        if (this.#complete >= clients) resolve();
      };
    });
  }

  close(): void {
    for (const socket of this.#sockets) socket.destroy();
  }
}
