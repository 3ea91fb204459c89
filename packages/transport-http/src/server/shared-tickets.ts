import {
  HostsLog,
  NO_METADATA,
  SSSNError,
  TOO_LATE,
  Ticker,
  refuseUnknownOptions,
  validateIdentifier,
  within,
  type Clock,
  type MessageDraft,
  type MessageStore,
} from "@sssn/core";
import { TicketBoard, sealedIn, type TicketEntry } from "./ticket-board.js";
import { newTicketText, openTicket, partsOfTicket, sealTicket } from "./ticket-seal.js";
import { NO_TICKET, TICKET_LIFE_MS, unknownTicket, type IssuedTicket, type TicketTurn, type Tickets } from "./tickets.js";

/** Where tickets are kept, for all hosts that share them. */
export interface TicketOptions {
  /** The store that holds them: a ticket that was got at one host opens a stream at every host that shares it. */
  readonly store: MessageStore;
  /** The id of their log in the store; no channel may have it. Hosts that take each other's tickets say the same. Default `sssn.tickets`. */
  readonly log?: string;
}

const OPTIONS = new Set(["store", "log"]);
const LOOK_EVERY_MS = 1_000;
/** A host that has connections with tickets says so often that it is there. */
const ALIVE_EVERY_MS = 5_000;
const SWEEP_EVERY_MS = 30_000;
/** What is over stays for a moment: somebody may have looked at it just before. */
const KEPT_AFTER_END_MS = 10_000;
/** So much is not left for the next time. */
const MUCH = 1_000;
const MOST_AT_ONCE = 1_000;
/** A store that does not answer for so long does not hold up what comes next. */
const PATIENCE_MS = 2_000;

interface LocalTurn {
  readonly ticket: string;
  readonly abort: AbortController;
}

/**
 * Tickets that every host knows which shares the store. They are a log of the hosts: what a ticket stands for is sealed with the ticket, whose text is nowhere but in its caller's
 * hands; who has it is told in messages, and the last one holds. A host that is gone without a word has its tickets for 30 seconds after its last sign of life.
 */
export class SharedTickets implements Tickets {
  readonly #clock: Clock;
  readonly #host: string = crypto.randomUUID();
  readonly #log: HostsLog;
  readonly #board: TicketBoard;
  /** The connections here that have a ticket. */
  readonly #turns = new Map<string, LocalTurn>();
  /** Ends of connections that are to be told. */
  readonly #ended: MessageDraft[] = [];
  readonly #ticker: Ticker;
  #telling: Promise<void> | undefined;
  #toldAliveAt = -Infinity;
  #sweptAt: number;

  /** @throws SSSNError `invalid_argument`, `invalid_identifier`. */
  constructor(options: TicketOptions, clock: Clock) {
    refuseUnknownOptions("HttpTransport's tickets", options, OPTIONS);
    const { store, log: id = "sssn.tickets" } = options;
    if (typeof store?.open !== "function") throw new SSSNError("invalid_argument", "tickets need a store to be kept in.");
    this.#clock = clock;
    this.#board = new TicketBoard((connection) => this.#takenOver(connection));
    this.#log = new HostsLog({
      store,
      id: validateIdentifier("log id", id),
      clock,
      apply: (message) => this.#board.apply(message),
      onStart: () => this.#board.clear(),
      onNews: () => this.#hear(),
    });
    this.#ticker = new Ticker(clock, LOOK_EVERY_MS, () => this.#look(), { background: true });
    this.#sweptAt = clock.monotonic();
  }

  start(): void {
    this.#ticker.start();
  }

  async issue(channelId: string, credential: string): Promise<IssuedTicket> {
    const ticket = newTicketText();
    const parts = partsOfTicket(ticket);
    if (!parts) throw new SSSNError("internal", "A ticket was made that is none.");
    await this.#append(this.#draft({ type: "issued", sealed: sealTicket(parts, { channelId, credential }) }, parts.id));
    // Whoever asks for many waits until what they push out is removed.
    if ((await this.#log.refresh()) && this.#board.uselessCount >= MUCH) await this.#bounded(() => this.#sweep());
    return { ticket, expiresAt: this.#clock.now() + TICKET_LIFE_MS };
  }

  /** @throws SSSNError `token_invalid`; `store_unavailable` and what else the store says when it can't be told. */
  async credentialOf(text: string, channelId: string): Promise<string> {
    const parts = partsOfTicket(text);
    if (!parts || !(await this.#isGood(parts.id))) throw unknownTicket();
    const sealed = sealedIn(await this.#answered(this.#log.get(parts.id)));
    const opened = sealed === undefined ? undefined : openTicket(parts, sealed);
    if (opened?.channelId !== channelId) throw unknownTicket();
    return opened.credential;
  }

  async turnOf(text: string | undefined): Promise<TicketTurn> {
    const parts = text === undefined ? undefined : partsOfTicket(text);
    if (!parts) return NO_TICKET;
    const [connection, abort] = [crypto.randomUUID(), new AbortController()];
    const release = (): void => this.#release(connection);
    this.#turns.set(connection, { ticket: parts.id, abort });
    try {
      await this.#append(this.#draft({ type: "taken", ticket: parts.id, connection }, connection));
    } catch (error) {
      // It may be in the log all the same.
      release();
      throw error;
    }
    // Where the store tells nothing, the one before it here ends all the same.
    void this.#log.refresh({ anew: true });
    return { signal: abort.signal, release };
  }

  /** What was not told then is found out by the others, when nothing is heard of this host any more. */
  async stop(timeoutMs: number): Promise<void> {
    const stopped = this.#ticker.stop();
    for (const connection of [...this.#turns.keys()]) this.#release(connection);
    await within(this.#clock, Math.max(0, Math.min(PATIENCE_MS, timeoutMs)), Promise.allSettled([stopped, this.#tellEnded()]));
    this.#log.close();
  }

  /** Only whoever may have a connection to end has to know at once. */
  #hear(): void {
    if (this.#turns.size > 0) void this.#log.refresh();
  }

  async #isGood(id: string): Promise<boolean> {
    if ((await this.#log.refresh()) && this.#board.isGood(id, await this.#log.now())) return true;
    // It may have been issued, or its host may have told that it is there, without a word of the store.
    if (!(await this.#log.refresh({ anew: true }))) throw unavailable(this.#log.failure);
    return this.#board.isGood(id, await this.#log.now());
  }

  #release(connection: string): void {
    const turn = this.#turns.get(connection);
    // Another connection has it.
    if (!turn) return;
    this.#turns.delete(connection);
    this.#ended.push(this.#draft({ type: "ended", ticket: turn.ticket, connection }, `${connection}.ended`));
    // What fails is tried again with the next look.
    void this.#tellEnded().catch(() => undefined);
  }

  #takenOver(connection: string): void {
    const turn = this.#turns.get(connection);
    this.#turns.delete(connection);
    turn?.abort.abort();
  }

  /** Many that end at once are told at once. */
  #tellEnded(): Promise<void> {
    return (this.#telling ??= this.#tellAllEnded().finally(() => (this.#telling = undefined)));
  }

  async #tellAllEnded(): Promise<void> {
    while (this.#ended.length > 0) {
      const told = this.#ended.slice(0, MOST_AT_ONCE);
      await this.#append(...told);
      this.#ended.splice(0, told.length);
    }
  }

  #append(...drafts: readonly MessageDraft[]): Promise<unknown> {
    return this.#answered(this.#log.append(drafts));
  }

  /** A request does not hang because the store does. */
  async #answered<Result>(call: Promise<Result>): Promise<Result> {
    const result = await within(this.#clock, PATIENCE_MS, call);
    if (result === TOO_LATE) throw unavailable();
    return result;
  }

  /** Once a second. Never rejects. */
  #look(): Promise<void> {
    return this.#bounded(async () => {
      await this.#tellEnded();
      if (this.#turns.size > 0) {
        await this.#tellAlive();
        await this.#log.refresh();
      }
      const now = this.#clock.monotonic();
      if ((now - this.#sweptAt < SWEEP_EVERY_MS && this.#board.uselessCount < MUCH) || this.#board.isEmpty) return;
      this.#sweptAt = now;
      if (await this.#log.refresh()) await this.#sweep();
    });
  }

  /** One message for all connections. */
  async #tellAlive(): Promise<void> {
    const now = this.#clock.monotonic();
    if (now - this.#toldAliveAt < ALIVE_EVERY_MS) return;
    await this.#append(this.#draft({ type: "alive" }));
    this.#toldAliveAt = now;
  }

  /** Every host removes in its turn what it knows to be useless: so nothing stays because a host ended in the middle of it. */
  async #sweep(): Promise<void> {
    const useless = this.#board.useless((await this.#log.now()) - KEPT_AFTER_END_MS);
    if (useless.length > 0 && (await this.#log.remove(useless))) this.#board.removed(useless);
  }

  /** What fails is tried again the next time, and what hangs holds up nothing. */
  async #bounded(task: () => Promise<void>): Promise<void> {
    await within(
      this.#clock,
      PATIENCE_MS,
      task().catch(() => undefined),
    );
  }

  #draft(content: TicketEntry, id?: string): MessageDraft {
    return { ...(id === undefined ? {} : { id }), senderId: this.#host, content, metadata: NO_METADATA };
  }
}

function unavailable(cause?: unknown): SSSNError {
  return new SSSNError("store_unavailable", "Tickets can't be had now. Try again in a moment.", cause === undefined ? {} : { cause });
}
