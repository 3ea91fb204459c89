import { invalidToken, type Clock } from "@sssn/core";

const LIFE_MS = 30_000;
const MOST_TICKETS = 10_000;

interface Ticket {
  readonly channelId: string;
  readonly credential: string;
  /** Until when the next connection may come, while none is there. */
  until: number;
  holder: AbortController | undefined;
}

/** A connection's turn with a ticket: the signal aborts when another connection takes over. */
export interface TicketTurn {
  readonly signal: AbortSignal | undefined;
  release(): void;
}

const NO_TICKET: TicketTurn = { signal: undefined, release: () => {} };

/**
 * Stands in for a token where no header can be sent: a browser's `EventSource`. A ticket opens a stream of one channel within 30 seconds, and
 * carries it over the reconnections that a browser makes by itself, as long as no pause between two of them is longer than that. One connection
 * holds it at a time: the next one ends the one before. What it is good for is decided by the token that it was got with.
 */
export class Tickets {
  readonly #clock: Clock;
  readonly #tickets = new Map<string, Ticket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  issue(channelId: string, credential: string): { readonly ticket: string; readonly expiresAt: number } {
    const now = this.#clock.monotonic();
    for (const [text, { until, holder }] of this.#tickets) {
      if ((holder !== undefined || until > now) && this.#tickets.size < MOST_TICKETS) break;
      this.#tickets.delete(text);
    }
    const ticket = Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.#tickets.set(ticket, { channelId, credential, until: now + LIFE_MS, holder: undefined });
    return { ticket, expiresAt: this.#clock.now() + LIFE_MS };
  }

  /** The token behind a ticket. @throws SSSNError `token_invalid`. */
  credentialOf(text: string, channelId: string): string {
    const ticket = this.#tickets.get(text);
    if (ticket?.channelId === channelId && (ticket.holder !== undefined || ticket.until > this.#clock.monotonic()))
      return ticket.credential;
    throw invalidToken(new Error("the ticket is not known, or has run out"));
  }

  /** A connection takes the ticket; `undefined` for one that came with a token of its own. */
  turnOf(text: string | undefined): TicketTurn {
    const ticket = text === undefined ? undefined : this.#tickets.get(text);
    if (!ticket) return NO_TICKET;
    const holder = new AbortController();
    ticket.holder?.abort();
    ticket.holder = holder;
    const release = (): void => {
      if (ticket.holder !== holder) return;
      ticket.holder = undefined;
      ticket.until = this.#clock.monotonic() + LIFE_MS;
    };
    return { signal: holder.signal, release };
  }
}
