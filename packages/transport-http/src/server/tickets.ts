import { invalidToken, type Clock, type SSSNError } from "@sssn/core";
import { newTicketText } from "./ticket-seal.js";

/** How long a ticket waits for a connection: for the first one, and for the next one after each. */
export const TICKET_LIFE_MS = 30_000;
/** Most tickets that wait for a connection. */
export const MOST_TICKETS = 10_000;

/** A connection's turn with a ticket: the signal aborts when another connection takes over. */
export interface TicketTurn {
  readonly signal: AbortSignal | undefined;
  release(): void;
}

/** A ticket as its caller gets it. */
export interface IssuedTicket {
  readonly ticket: string;
  /** Until when the first connection may come, in ms since the Unix epoch. */
  readonly expiresAt: number;
}

export const NO_TICKET: TicketTurn = { signal: undefined, release: () => {} };

/**
 * Stands in for a token where no header can be sent: a browser's `EventSource`. A ticket opens a stream of one channel within 30 seconds, and
 * carries it over the reconnections that a browser makes by itself, as long as no pause between two of them is longer than that. One connection
 * holds it at a time: the next one ends the one before. What it is good for is decided by the token that it was got with.
 */
export interface Tickets {
  start(): void;
  issue(channelId: string, credential: string): Promise<IssuedTicket>;
  /** The token behind a ticket. @throws SSSNError `token_invalid`. */
  credentialOf(text: string, channelId: string): Promise<string>;
  /** A connection takes the ticket; one that came with a token of its own takes none. */
  turnOf(text: string | undefined): Promise<TicketTurn>;
  /** Connections that are not over then are over for others. */
  stop(timeoutMs: number): Promise<void>;
}

/** What is said of every ticket that opens nothing. */
export function unknownTicket(): SSSNError {
  return invalidToken(new Error("the ticket is not known, or has run out"));
}

interface Ticket {
  readonly channelId: string;
  readonly credential: string;
  /** Until when the next connection may come, while none is there. */
  until: number;
  holder: AbortController | undefined;
}

/** Tickets of one host, which no other one knows. */
export class LocalTickets implements Tickets {
  readonly #clock: Clock;
  readonly #tickets = new Map<string, Ticket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  start(): void {}

  async issue(channelId: string, credential: string): Promise<IssuedTicket> {
    const now = this.#clock.monotonic();
    for (const [text, { until, holder }] of this.#tickets) {
      if ((holder !== undefined || until > now) && this.#tickets.size < MOST_TICKETS) break;
      this.#tickets.delete(text);
    }
    const ticket = newTicketText();
    this.#tickets.set(ticket, { channelId, credential, until: now + TICKET_LIFE_MS, holder: undefined });
    return { ticket, expiresAt: this.#clock.now() + TICKET_LIFE_MS };
  }

  async credentialOf(text: string, channelId: string): Promise<string> {
    const ticket = this.#tickets.get(text);
    if (ticket?.channelId === channelId && (ticket.holder !== undefined || ticket.until > this.#clock.monotonic()))
      return ticket.credential;
    throw unknownTicket();
  }

  async turnOf(text: string | undefined): Promise<TicketTurn> {
    const ticket = text === undefined ? undefined : this.#tickets.get(text);
    if (!ticket) return NO_TICKET;
    const holder = new AbortController();
    ticket.holder?.abort();
    ticket.holder = holder;
    const release = (): void => {
      if (ticket.holder !== holder) return;
      ticket.holder = undefined;
      ticket.until = this.#clock.monotonic() + TICKET_LIFE_MS;
    };
    return { signal: holder.signal, release };
  }

  async stop(): Promise<void> {}
}
