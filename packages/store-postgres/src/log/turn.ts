import { sequenceOfToken, type LedgerCall } from "@sssn/core/log-state";
import type { PoolClient, QueryResultRow } from "pg";
import type { LogEvent } from "./log-event.js";
import type { MessageRow } from "./message-rows.js";

/** A cursor as its row holds it. */
export interface CursorRow {
  readonly owner: string;
  readonly name: string;
  readonly sequence: number;
  readonly movedAt: number | null;
  readonly lost: number;
  readonly gone: number;
}

/** An id that is known for a while after its message was removed. */
export interface RemovedId {
  readonly id: string;
  readonly sequence: number;
  readonly until: number;
}

/** What one host does to a log in one transaction, while nobody else does anything to it. It is decided in memory, and gathered here to be written. */
export class Turn {
  readonly client: PoolClient;
  /** Steady time in ms since the epoch; the same for all of the turn. */
  readonly now: number;
  readonly messages: MessageRow[] = [];
  readonly cursors = new Map<string, CursorRow>();
  readonly removed: number[] = [];
  readonly removedIds: RemovedId[] = [];
  /** Claims that have ended in it, whichever way, by group and sequence: a settlement in somebody's own transaction looks for its own. */
  readonly ends = new Set<string>();
  readonly #events: LogEvent[] = [];
  readonly #work = new Map<string, LedgerCall[]>();
  #asked: Promise<unknown> = Promise.resolve();
  /** Whoever waits may find something. */
  announces = false;

  constructor(client: PoolClient, now: number) {
    this.client = client;
    this.now = now;
  }

  /** Asks the database. A connection answers one question at a time. */
  query<Row extends QueryResultRow>(text: string, values: readonly unknown[]): Promise<Row[]> {
    const asked = this.#asked.then(async () => (await this.client.query<Row>(text, [...values])).rows);
    this.#asked = asked.catch(() => undefined);
    return asked;
  }

  tell(event: LogEvent): void {
    if (event[0] === "work") return this.#tellWork(event[1], event[2]);
    if (event[0] === "drop") {
      this.#flush(event[1]);
      this.ends.add(endOf(event[1], "*"));
    }
    this.#events.push(event);
  }

  /** The calls to one ledger stay together: a batch that is opened is closed with them. */
  #tellWork(group: string, calls: readonly LedgerCall[]): void {
    for (const call of calls) {
      const ended = endedBy(call);
      if (ended !== undefined) this.ends.add(endOf(group, ended));
    }
    const known = this.#work.get(group);
    if (known) known.push(...calls);
    else this.#work.set(group, [...calls]);
  }

  #flush(group: string): void {
    const calls = this.#work.get(group);
    if (calls) this.#events.push(["work", group, calls]);
    this.#work.delete(group);
  }

  /** Everything that was told. */
  takeEvents(): readonly LogEvent[] {
    for (const group of [...this.#work.keys()]) this.#flush(group);
    return this.#events;
  }

  get isEmpty(): boolean {
    return this.#events.length === 0 && this.#work.size === 0 && this.cursors.size === 0 && this.messages.length === 0;
  }
}

/** Names the end of a claim of a group; `*`: of all of them. */
function endOf(group: string, sequence: number | "*"): string {
  return `${group} ${sequence}`;
}

/** The claim that ends with a call, whoever has it. One that lapses is known by its time. */
function endedBy(call: LedgerCall): number | undefined {
  switch (call[0]) {
    case "settle":
      return call[2].action === "extend" ? undefined : sequenceOfToken(call[2].receipt);
    case "take-back":
      return call[1];
    case "cancel":
    case "remove":
      return call[1].sequence;
    default:
      return undefined;
  }
}
