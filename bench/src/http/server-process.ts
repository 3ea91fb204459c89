import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { ServerCommand, ServerName, ServerReport } from "./protocol.js";

/** A server in a process of its own, so that load and server have a core each. */
export class ServerProcess {
  readonly port: number;
  readonly token: string;
  readonly #child: ChildProcess;

  private constructor(child: ChildProcess, { port, token }: Extract<ServerReport, { type: "ready" }>) {
    this.#child = child;
    this.port = port;
    this.token = token;
  }

  static async start(name: ServerName): Promise<ServerProcess> {
    const child = fork(fileURLToPath(new URL("http-server.js", import.meta.url)), [name], { execArgv: ["--expose-gc"] });
    return new ServerProcess(child, await next(child, "ready"));
  }

  async publish(count: number): Promise<void> {
    this.#tell({ type: "publish", count });
    await next(this.#child, "published");
  }

  async megabytes(): Promise<number> {
    this.#tell({ type: "memory" });
    return (await next(this.#child, "memory")).megabytes;
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#tell({ type: "close" });
    await ended;
  }

  #tell(command: ServerCommand): void {
    this.#child.send(command);
  }
}

function next<Type extends ServerReport["type"]>(child: ChildProcess, type: Type): Promise<Extract<ServerReport, { type: Type }>> {
  return new Promise((resolve, reject) => {
    const hear = (message: ServerReport): void => {
      if (message.type !== type) return;
      child.off("message", hear).off("exit", fail);
      resolve(message as Extract<ServerReport, { type: Type }>);
    };
    const fail = (code: number | null): void => reject(new Error(`The server ended with ${code ?? "a signal"}.`));
    child.on("message", hear).once("exit", fail);
  });
}
