import type { IncomingMessage, Server, ServerResponse } from "node:http";
import type { Socket } from "node:net";

/** Knows which connections are being served, and which only stand there: nothing sent, half a head, half a body, answers that nobody takes. */
export class Connections {
  readonly #open = new Set<Socket>();
  readonly #answering = new Map<Socket, Set<ServerResponse>>();

  constructor(server: Server) {
    const enter = (socket: Socket): void => {
      this.#open.add(socket);
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
    for (const socket of this.#open) if (!this.#isServed(socket)) socket.destroy();
  }

  #isServed(socket: Socket): boolean {
    for (const response of this.#answering.get(socket) ?? []) if (response.req.complete && !response.writableEnded) return true;
    return false;
  }
}
