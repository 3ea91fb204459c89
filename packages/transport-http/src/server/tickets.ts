import { invalidToken, type Clock } from "@sssn/core";

const LIFE_MS = 30_000;
const MOST_TICKETS = 10_000;

interface Ticket {
  readonly channelId: string;
  readonly credential: string;
  readonly until: number;
}

/**
 * Stands in for a token where no header can be sent: a browser's `EventSource`. A ticket opens one stream of one channel, once, within 30
 * seconds; what it is good for is decided by the token that it was got with.
 */
export class Tickets {
  readonly #clock: Clock;
  readonly #tickets = new Map<string, Ticket>();

  constructor(clock: Clock) {
    this.#clock = clock;
  }

  issue(channelId: string, credential: string): { readonly ticket: string; readonly expiresAt: number } {
    const now = this.#clock.monotonic();
    for (const [text, { until }] of this.#tickets) {
      if (until > now && this.#tickets.size < MOST_TICKETS) break;
      this.#tickets.delete(text);
    }
    const ticket = Array.from(crypto.getRandomValues(new Uint8Array(24)), (byte) => byte.toString(16).padStart(2, "0")).join("");
    this.#tickets.set(ticket, { channelId, credential, until: now + LIFE_MS });
    return { ticket, expiresAt: this.#clock.now() + LIFE_MS };
  }

  /** The token behind a ticket, which is used up by this. @throws SSSNError `token_invalid`. */
  redeem(text: string, channelId: string): string {
    const ticket = this.#tickets.get(text);
    this.#tickets.delete(text);
    if (ticket?.channelId !== channelId || ticket.until <= this.#clock.monotonic()) throw invalidToken();
    return ticket.credential;
  }
}
