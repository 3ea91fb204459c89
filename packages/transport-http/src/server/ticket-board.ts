import type { ChannelMessage, JsonValue } from "@sssn/core";
import { MOST_TICKETS, TICKET_LIFE_MS } from "./tickets.js";

/** What hosts tell each other about tickets. `ticket` is a ticket's id, which does not lead back to the ticket. */
export type TicketEntry =
  | { readonly type: "issued"; readonly sealed: string }
  /** A connection has it from now on. */
  | { readonly type: "taken"; readonly ticket: string; readonly connection: string }
  /** The connection is over. */
  | { readonly type: "ended"; readonly ticket: string; readonly connection: string }
  /** The host that says so is there, and so are its connections. */
  | { readonly type: "alive" };

interface Turn {
  readonly connection: string;
  readonly host: string;
  readonly taken: string;
  ended: string | undefined;
}

interface Ticket {
  /** Until when the next connection may come, while none is there. By the log's clock, as all times here. */
  until: number;
  turn: Turn | undefined;
}

interface HostSeen {
  at: number;
  /** Its last message of being alive. */
  alive: string | undefined;
}

/** A host of which nothing was heard for so long is gone, and what it said last is of no use. */
const GONE_MS = 2 * TICKET_LIFE_MS;

/** What all hosts together know of tickets, made of their log: every host that has read as far has the same. */
export class TicketBoard {
  readonly #tickets = new Map<string, Ticket>();
  /** Those that no connection has, the one that waits longest first. */
  readonly #waiting = new Set<string>();
  readonly #hosts = new Map<string, HostSeen>();
  /** Messages that say nothing any more. */
  readonly #useless = new Set<string>();
  readonly #takenOver: (connection: string) => void;

  /** @param takenOver is told each connection whose ticket another one has taken. */
  constructor(takenOver: (connection: string) => void) {
    this.#takenOver = takenOver;
  }

  /** Whether there is nothing to look after. */
  get isEmpty(): boolean {
    return this.#tickets.size === 0 && this.#hosts.size === 0 && this.#useless.size === 0;
  }

  get uselessCount(): number {
    return this.#useless.size;
  }

  /** What was made of another log counts no more. */
  clear(): void {
    for (const known of [this.#tickets, this.#waiting, this.#hosts, this.#useless]) known.clear();
  }

  /** What is none of the entries above is passed over, and left where it is: a later version may have written it. */
  apply({ id, senderId, timestamp, content }: ChannelMessage): void {
    const entry = readEntry(content);
    if (!entry) return;
    const host = this.#hosts.get(senderId) ?? { at: timestamp, alive: undefined };
    host.at = timestamp;
    this.#hosts.set(senderId, host);
    if (entry.type === "issued") this.#issue(id, timestamp);
    else if (entry.type === "taken") this.#take(id, entry.ticket, entry.connection, senderId);
    else if (entry.type === "ended") this.#end(id, entry.ticket, entry.connection, timestamp);
    else {
      this.#discard(host.alive);
      host.alive = id;
    }
  }

  /** Whether a ticket opens a stream: a connection has it, of a host of which was heard lately, or the next one may still come. */
  isGood(id: string, now: number): boolean {
    const ticket = this.#tickets.get(id);
    if (!ticket) return false;
    if (ticket.turn === undefined || ticket.turn.ended !== undefined) return now < ticket.until;
    return now < (this.#hosts.get(ticket.turn.host)?.at ?? -Infinity) + TICKET_LIFE_MS;
  }

  /** The messages that may be removed: of tickets that were over at a time, and what was said anew since. */
  useless(now: number): readonly string[] {
    for (const id of this.#tickets.keys()) if (!this.isGood(id, now)) this.#drop(id);
    for (const [name, { at, alive }] of this.#hosts) {
      if (now < at + GONE_MS) continue;
      this.#discard(alive);
      this.#hosts.delete(name);
    }
    return [...this.#useless];
  }

  /** They were removed. */
  removed(ids: readonly string[]): void {
    for (const id of ids) this.#useless.delete(id);
  }

  #issue(id: string, timestamp: number): void {
    this.#tickets.set(id, { until: timestamp + TICKET_LIFE_MS, turn: undefined });
    this.#wait(id);
  }

  /** Whoever asks for many takes away what nobody has used, and nobody's stream. */
  #wait(id: string): void {
    this.#waiting.add(id);
    const [longest] = this.#waiting;
    if (longest !== undefined && this.#waiting.size > MOST_TICKETS) this.#drop(longest);
  }

  #take(message: string, id: string, connection: string, host: string): void {
    const ticket = this.#tickets.get(id);
    if (!ticket) return this.#discard(message);
    const before = ticket.turn;
    ticket.turn = { connection, host, taken: message, ended: undefined };
    this.#waiting.delete(id);
    if (!before) return;
    this.#discard(before.taken);
    this.#discard(before.ended);
    this.#takenOver(before.connection);
  }

  #end(message: string, id: string, connection: string, timestamp: number): void {
    const ticket = this.#tickets.get(id);
    // The end of a connection whose ticket another one has is nobody's end.
    if (ticket?.turn?.connection !== connection || ticket.turn.ended !== undefined) return this.#discard(message);
    ticket.turn.ended = message;
    ticket.until = timestamp + TICKET_LIFE_MS;
    this.#wait(id);
  }

  #drop(id: string): void {
    const turn = this.#tickets.get(id)?.turn;
    this.#tickets.delete(id);
    this.#waiting.delete(id);
    this.#discard(id);
    this.#discard(turn?.taken);
    this.#discard(turn?.ended);
  }

  #discard(message: string | undefined): void {
    if (message !== undefined) this.#useless.add(message);
  }
}

function readEntry(content: JsonValue): TicketEntry | undefined {
  if (typeof content !== "object" || content === null || !("type" in content)) return undefined;
  const { type, ticket, connection, sealed } = content;
  if (type === "issued") return typeof sealed === "string" ? { type, sealed } : undefined;
  if (type === "alive") return { type };
  if ((type !== "taken" && type !== "ended") || typeof ticket !== "string" || typeof connection !== "string") return undefined;
  return { type, ticket, connection };
}

/** What was sealed in a ticket's message. */
export function sealedIn(message: ChannelMessage | undefined): string | undefined {
  const entry = message && readEntry(message.content);
  return entry?.type === "issued" ? entry.sealed : undefined;
}
