import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";
import type { Clock } from "@sssn/core";

/** Whoever has said nothing for so long has not just come with a request. */
const SILENT_MS = 100;

/** Knows which connections are being served, and which only stand there: nothing sent, half a head, half a body, answers that nobody takes. */
export class Connections {
  /** With when they came, in monotonic ms. */
  readonly #open = new Map<Socket, number>();
  readonly #clock: Clock;
  readonly #answering = new Map<Socket, Set<ServerResponse>>();

  constructor(server: Server, clock: Clock) {
    this.#clock = clock;
    const enter = (socket: Socket): void => {
      this.#open.set(socket, clock.monotonic());
      socket.once("close", () => this.#open.delete(socket));
    };
    server.on("connection", enter);
    server.on("secureConnection", enter);
    server.on("request", (request, response) => this.#begin(request, response));
  }

  get count(): number {
    return this.#open.size;
  }

  #begin(request: IncomingMessage, response: ServerResponse): void {
    const { socket } = request;
    const answers = this.#answering.get(socket) ?? new Set();
    this.#answering.set(socket, answers.add(response));
    response.once("close", () => {
      answers.delete(response);
      if (answers.size === 0) this.#answering.delete(socket);
    });
  }

  /** Cuts every connection on which nobody here is at work: what is missing there is up to a stranger. */
  cutStrangers(): void {
    for (const socket of this.#open.keys()) if (!this.#isServed(socket)) socket.destroy();
  }

  /** Cuts what clients have opened ahead and never used. What has just come may bring a request, and is given a moment. */
  cutUnused(): void {
    const now = this.#clock.monotonic();
    for (const [socket, openedAt] of this.#open) if (socket.bytesRead === 0 && now - openedAt >= SILENT_MS) socket.destroy();
  }

  #isServed(socket: Socket): boolean {
    for (const response of this.#answering.get(socket) ?? []) if (response.req.complete && !response.writableEnded) return true;
    return false;
  }
}
