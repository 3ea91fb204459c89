import type { BaseChannel } from "../channels/base-channel.js";
import type { ChannelDrainReport } from "../channels/channel-lifecycle.js";
import type { SystemDescriptor } from "../ports/channel-transport.js";
import type { TopologySource } from "./topology.js";

/** Where a system is in its life. `PAUSED` is only shown: the default loop goes on. */
export const SystemState = { INIT: "init", RUNNING: "running", PAUSED: "paused", STOPPED: "stopped", ERROR: "error" } as const;
/** A value of {@link SystemState}. */
export type SystemState = (typeof SystemState)[keyof typeof SystemState];

/** How a system runs. */
export interface RunOptions {
  /** Steps per second. Default: the system's own. */
  readonly tickRate?: number;
}

/** How a shutdown ended. */
export interface ShutdownReport {
  /** Whether everything was finished before the deadline, without an error. */
  readonly clean: boolean;
  readonly durationMs: number;
  readonly channels: readonly ChannelDrainReport[];
  readonly errors: readonly Error[];
}

/** What a deployment needs of the systems that it starts and shuts down. */
export interface ManagedSystem {
  readonly id: string;
  readonly name: string;
  readonly state: SystemState;
  readonly client: { readonly channelIds: readonly string[] };
  /** The owned channels. */
  readonly channels: readonly BaseChannel[];
  /** The direct subsystems. */
  readonly subsystems: readonly ManagedSystem[];
  /** What is closed with the system, after its channels. */
  readonly resources: readonly AsyncDisposable[];
  /** Sets it and all below it up, once. */
  prepare(): Promise<void>;
  /** Once when everything runs. */
  onStart(): unknown;
  /** Answers calls of what it exposes, until {@link ManagedSystem.endWork}. */
  beginAnswering(): void;
  /** Ends answering, and what was begun through its client; lets what is under way finish. */
  endWork(options: { readonly timeoutMs: number }): Promise<void>;
  /** The loop; ends after {@link ManagedSystem.endLoop}. */
  run(options: RunOptions): Promise<void>;
  /** Ends the loop after the current step. */
  endLoop(): void;
  /** Changes the state that is shown. `ERROR` is never left. */
  enter(state: SystemState, cause?: Error): void;
  /** Once during the shutdown: the loop has ended, the channels still work. */
  onShutdown(options: { readonly timeoutMs: number }): unknown;
  /** What of it may be told outside, with revisions of its own. */
  publicTopology(): TopologySource;
  /** What discovery tells about it. */
  descriptor(): SystemDescriptor;
  drain(options?: { timeoutMs?: number }): Promise<ShutdownReport>;
}
