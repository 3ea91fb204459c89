import type { Cancel } from "../clock.js";
import type { SSSNError } from "../errors.js";
import type { MessageDraft, WriteReceipt } from "../message.js";
import type {
  AppendOptions,
  ChannelLog,
  ClaimPage,
  ClaimRequest,
  CursorInfo,
  CursorKey,
  CursorsRequest,
  DeadMessage,
  DeadRequest,
  EvictOptions,
  GroupRegime,
  GroupStats,
  JobInfo,
  JobPage,
  JobsRequest,
  LogBounds,
  LogCounts,
  LogPage,
  LogStats,
  OrderResult,
  ReadRequest,
  Rescheduling,
  RetentionPolicy,
  SettleResult,
  Settlement,
} from "../ports/message-store.js";
import type { MemoryChannelLog } from "./memory-channel-log.js";

/** A log in memory as one host has it: closed with the host's store, while other hosts go on with the log. */
export class MemoryLogHandle implements ChannelLog {
  readonly #log: MemoryChannelLog;
  readonly #listeners = new Map<() => void, Cancel>();
  #closed: SSSNError | undefined;

  constructor(log: MemoryChannelLog) {
    this.#log = log;
  }

  isOf(log: MemoryChannelLog): boolean {
    return this.#log === log;
  }

  /** @param error what every call is answered with from now on. */
  close(error: SSSNError): void {
    this.#closed = error;
    const listeners = [...this.#listeners];
    this.#listeners.clear();
    for (const [listener, cancel] of listeners) {
      cancel();
      listener();
    }
  }

  #guard<Result>(call: (log: MemoryChannelLog) => Promise<Result>): Promise<Result> {
    return this.#closed ? Promise.reject(this.#closed) : call(this.#log);
  }

  get channelId(): string {
    return this.#log.channelId;
  }

  get identity(): string {
    return this.#log.identity;
  }

  get predecessors(): ChannelLog["predecessors"] {
    return this.#log.predecessors;
  }

  now(): number {
    return this.#log.now();
  }

  append(drafts: readonly MessageDraft[], options?: AppendOptions): Promise<readonly WriteReceipt[]> {
    return this.#guard((log) => log.append(drafts, options));
  }

  read(request: ReadRequest): Promise<LogPage> {
    return this.#guard((log) => log.read(request));
  }

  readBefore(request: { before: number; limit: number; maxBytes?: number }): Promise<LogPage> {
    return this.#guard((log) => log.readBefore(request));
  }

  get(id: string): ReturnType<ChannelLog["get"]> {
    return this.#guard((log) => log.get(id));
  }

  bounds(): Promise<LogBounds> {
    return this.#guard((log) => log.bounds());
  }

  cursor(key: CursorKey): Promise<number | undefined> {
    return this.#guard((log) => log.cursor(key));
  }

  moveCursor(key: CursorKey, sequence: number, options?: { rewind?: boolean }): Promise<number> {
    return this.#guard((log) => log.moveCursor(key, sequence, options));
  }

  deleteCursor(key: CursorKey): Promise<boolean> {
    return this.#guard((log) => log.deleteCursor(key));
  }

  claim(request: ClaimRequest): Promise<ClaimPage> {
    return this.#guard((log) => log.claim(request));
  }

  settle(group: string, readerId: string, settlements: readonly Settlement[]): Promise<readonly SettleResult[]> {
    return this.#guard((log) => log.settle(group, readerId, settlements));
  }

  setRegime(group: string, regime: GroupRegime): Promise<void> {
    return this.#guard((log) => log.setRegime(group, regime));
  }

  cancel(group: string, ids: readonly string[], reason?: string): Promise<readonly OrderResult[]> {
    return this.#guard((log) => log.cancel(group, ids, reason));
  }

  reschedule(group: string, ids: readonly string[], to: Rescheduling): Promise<readonly OrderResult[]> {
    return this.#guard((log) => log.reschedule(group, ids, to));
  }

  job(group: string, id: string): Promise<JobInfo | undefined> {
    return this.#guard((log) => log.job(group, id));
  }

  jobs(group: string, request: JobsRequest): Promise<JobPage> {
    return this.#guard((log) => log.jobs(group, request));
  }

  dead(group: string, request: DeadRequest): Promise<readonly DeadMessage[]> {
    return this.#guard((log) => log.dead(group, request));
  }

  forwarded(group: string, ids: readonly string[]): Promise<void> {
    return this.#guard((log) => log.forwarded(group, ids));
  }

  requeue(group: string, ids?: readonly string[]): Promise<number> {
    return this.#guard((log) => log.requeue(group, ids));
  }

  evict(policy: RetentionPolicy, options?: EvictOptions): Promise<number> {
    return this.#guard((log) => log.evict(policy, options));
  }

  remove(ids: readonly string[]): Promise<number> {
    return this.#guard((log) => log.remove(ids));
  }

  stats(): Promise<LogStats> {
    return this.#guard((log) => log.stats());
  }

  counts(): Promise<LogCounts> {
    return this.#guard((log) => log.counts());
  }

  cursors(request: CursorsRequest): Promise<readonly CursorInfo[]> {
    return this.#guard((log) => log.cursors(request));
  }

  untouched(): Promise<Omit<GroupStats, "group">> {
    return this.#guard((log) => log.untouched());
  }

  hasGroup(group: string): boolean {
    return this.#log.hasGroup(group);
  }

  get groupCount(): number {
    return this.#log.groupCount;
  }

  deleteGroup(group: string): Promise<boolean> {
    return this.#guard((log) => log.deleteGroup(group));
  }

  onChange(listener: () => void): Cancel {
    const cancel = this.#log.onChange(listener);
    this.#listeners.set(listener, cancel);
    return () => {
      this.#listeners.delete(listener);
      cancel();
    };
  }
}
