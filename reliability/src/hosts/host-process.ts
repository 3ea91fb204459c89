import { spawn, type ChildProcess } from "node:child_process";
import { once } from "node:events";
import { createInterface } from "node:readline";
import { fileURLToPath } from "node:url";
import type { HostCommand, HostEvent, HostOptions, Stamped } from "./host-events.js";

const STOPPED_WITHIN_MS = 20_000;

/** A host and its history over all its lives. */
export class HostProcess {
  readonly number: number;
  readonly events: Stamped<HostEvent>[] = [];
  /** What this host did that no host may do. */
  readonly failures: string[] = [];
  readonly #options: Omit<HostOptions, "run" | "begun" | "followed">;
  #child: ChildProcess | undefined;
  #ended: Promise<unknown> = Promise.resolve();
  #mayEnd = false;
  #life = 0;
  #said = "";
  /** Ids that are being written. */
  readonly #begun = new Set<string>();
  #followed = 0;

  constructor(options: Omit<HostOptions, "run" | "begun" | "followed">) {
    this.#options = options;
    this.number = options.host;
  }

  get isRunning(): boolean {
    return this.#child !== undefined;
  }

  /** How far its follower has come. */
  get followed(): number {
    return this.#followed;
  }

  start(clockOffsetMs = 0): void {
    const options: HostOptions = {
      ...this.#options,
      run: `${this.number}.${this.#life++}`,
      begun: [...this.#begun],
      followed: this.#followed,
    };
    const [host, wallClock] = ["hosts-host.js", "hosts-wall-clock.js"].map((file) => fileURLToPath(new URL(file, import.meta.url)));
    this.#mayEnd = false;
    const child = spawn(process.execPath, ["--import", `file://${wallClock}`, host ?? "", JSON.stringify(options)], {
      stdio: ["ignore", "pipe", "pipe", "ipc"],
      env: { ...process.env, HOST_CLOCK_OFFSET_MS: String(clockOffsetMs) },
    });
    this.#child = child;
    this.#said = "";
    child.stderr?.on("data", (chunk: Buffer) => (this.#said = (this.#said + chunk.toString()).slice(-4_000)));
    if (child.stdout) createInterface({ input: child.stdout }).on("line", (line) => this.#hear(line));
    this.#ended = once(child, "close").then(([code, signal]: unknown[]) => {
      this.#child = undefined;
      if (this.#mayEnd && (signal === "SIGKILL" || code === 0)) return;
      this.failures.push(`host ${options.run} ended by itself with ${String(code ?? signal)}: ${this.#said}`);
    });
  }

  #hear(line: string): void {
    // A kill may cut the last line off.
    if (!line.endsWith("}")) return;
    const event = JSON.parse(line) as Stamped<HostEvent>;
    this.events.push(event);
    if (event.type === "writing") this.#begun.add(event.id);
    if (event.type === "written") this.#begun.delete(event.id);
    if (event.type === "followed") this.#followed = Math.max(this.#followed, ...event.sequences);
    if (event.type === "broke-off") this.failures.push(`the follower of host ${this.number} broke off: ${event.why}`);
  }

  signal(signal: NodeJS.Signals): void {
    this.#child?.kill(signal);
  }

  async kill(): Promise<void> {
    this.#mayEnd = true;
    this.signal("SIGKILL");
    await this.#ended;
  }

  stepClock(ms: number): void {
    this.#child?.send({ type: "step", ms });
  }

  drain(): void {
    this.#child?.send({ type: "drain" } satisfies HostCommand);
  }

  /** Asks it to end, which it has to do soon. */
  async stop(): Promise<void> {
    if (!this.#child) return;
    this.#mayEnd = true;
    this.#child.send({ type: "stop" } satisfies HostCommand);
    const timer = setTimeout(() => {
      this.failures.push(`host ${this.number} did not stop within ${STOPPED_WITHIN_MS} ms`);
      this.signal("SIGKILL");
    }, STOPPED_WITHIN_MS);
    await this.#ended;
    clearTimeout(timer);
  }
}
