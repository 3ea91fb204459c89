import { fork, type ChildProcess } from "node:child_process";
import { fileURLToPath } from "node:url";
import type { HostCommand, HostReport } from "./host.js";

/** A host that can be hurt without hurting whoever judges it. */
export class HostProcess {
  readonly url: string;
  readonly port: number;
  readonly token: string;
  readonly #child: ChildProcess;
  #hasEnded = false;

  private constructor(child: ChildProcess, { url, token }: Extract<HostReport, { type: "ready" }>) {
    this.#child = child;
    this.url = url;
    this.port = Number(new URL(url).port);
    this.token = token;
    child.once("exit", () => (this.#hasEnded = true));
  }

  static async start(): Promise<HostProcess> {
    const child = fork(fileURLToPath(new URL("http-host.js", import.meta.url)), [], { execArgv: ["--expose-gc"] });
    return new HostProcess(child, await hear(child, "ready"));
  }

  get hasEnded(): boolean {
    return this.#hasEnded;
  }

  /** Resident memory, after a collection. */
  megabytes(): Promise<number> {
    return this.#ask({ type: "memory" });
  }

  async write(count: number): Promise<void> {
    await this.#ask({ type: "write", count });
  }

  async stop(): Promise<void> {
    const ended = new Promise((resolve) => this.#child.once("exit", resolve));
    this.#child.send({ type: "close" } satisfies HostCommand);
    await ended;
  }

  async #ask(command: HostCommand): Promise<number> {
    this.#child.send(command);
    return (await hear(this.#child, "memory")).megabytes;
  }
}

function hear<Type extends HostReport["type"]>(child: ChildProcess, type: Type): Promise<Extract<HostReport, { type: Type }>> {
  return new Promise((resolve, reject) => {
    const forget = (): void => void child.off("message", listen).off("exit", fail);
    const listen = (message: HostReport): void => {
      if (message.type !== type) return;
      forget();
      resolve(message as Extract<HostReport, { type: Type }>);
    };
    const fail = (code: number | null): void => {
      forget();
      reject(new Error(`The host ended with ${code ?? "a signal"}.`));
    };
    child.on("message", listen).once("exit", fail);
  });
}
