import { toError } from "../errors.js";
import type { RunningSystem } from "./deployment.js";
import type { ShutdownReport } from "./managed-system.js";

/** The part of Node's `process` that a program needs. */
export interface ProgramHost {
  on(signal: "SIGINT" | "SIGTERM", listener: () => void): unknown;
  off(signal: "SIGINT" | "SIGTERM", listener: () => void): unknown;
  exit(code: number): unknown;
}

/** How a system is run as a program. */
export interface ProgramOptions {
  /** How long the drain may take, in ms. Default 10 000. */
  readonly timeoutMs?: number;
  /** Told when a signal has arrived and the drain begins. */
  readonly onSignal?: (signal: "SIGINT" | "SIGTERM") => void;
  /** Told how the shutdown ended, before the process exits. */
  readonly onClosed?: (report: ShutdownReport) => void;
  /** Told why the start failed. Default: prints it. */
  readonly onStartError?: (error: Error) => void;
  /** What stands for Node's `process`. Default: that. */
  readonly host?: ProgramHost;
}

/**
 * Runs a system as a program: starts it, drains it at SIGINT or SIGTERM, and exits with 0 after a clean shutdown and 1 otherwise.
 * A second signal exits at once with 130.
 *
 * @param start what launches or publishes the system.
 */
export async function runAsProgram(start: () => Promise<RunningSystem>, options: ProgramOptions = {}): Promise<void> {
  const host = options.host ?? (globalThis as unknown as { process: ProgramHost }).process;
  let stop: (signal: "SIGINT" | "SIGTERM") => void = () => {};
  const stopped = new Promise<"SIGINT" | "SIGTERM">((resolve) => {
    stop = resolve;
  });
  let signalled = false;
  const onSignal = (signal: "SIGINT" | "SIGTERM") => (): void => {
    if (signalled) host.exit(130);
    signalled = true;
    stop(signal);
  };
  const [onInterrupt, onTerminate] = [onSignal("SIGINT"), onSignal("SIGTERM")];
  host.on("SIGINT", onInterrupt);
  host.on("SIGTERM", onTerminate);
  let code = 1;
  try {
    const running = await start();
    void stopped.then((signal) => {
      options.onSignal?.(signal);
      return running.close({ timeoutMs: options.timeoutMs ?? 10_000 });
    });
    const report = await running.closed;
    options.onClosed?.(report);
    code = report.clean ? 0 : 1;
  } catch (thrown) {
    const error = toError(thrown);
    if (options.onStartError) options.onStartError(error);
    else console.error(error.message);
  } finally {
    host.off("SIGINT", onInterrupt);
    host.off("SIGTERM", onTerminate);
  }
  host.exit(code);
}
