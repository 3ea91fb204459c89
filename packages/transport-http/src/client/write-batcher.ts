import { isSSSNError, type ErrorCode, type WriteEntry, type WriteReceipt } from "@sssn/core";

const MOST_ENTRIES = 500;
/** About how many characters of JSON go into one request. */
const MOST_CHARACTERS = 1_000_000;

/** What is wrong with one message, and not with the request that it shares with others. */
const ONE_MESSAGES_FAULT: ReadonlySet<ErrorCode> = new Set([
  "invalid_argument",
  "invalid_identifier",
  "invalid_content",
  "content_rejected",
  "content_too_large",
  "message_conflict",
]);

interface Waiting {
  readonly entry: WriteEntry<unknown>;
  readonly characters: number;
  readonly resolve: (receipt: WriteReceipt) => void;
  readonly reject: (error: unknown) => void;
}

/** Sends messages, several as all or none. */
export interface Sender {
  one(entry: WriteEntry<unknown>): Promise<WriteReceipt>;
  many(entries: readonly WriteEntry<unknown>[]): Promise<readonly WriteReceipt[]>;
}

/**
 * Gathers the writes that come while a request is under way into the next one: one writer waits for nobody, many share a round trip. The
 * order of calls is the order of messages. A message that is refused takes none of the others with it.
 */
export class WriteBatcher {
  readonly #sender: Sender;
  #waiting: Waiting[] = [];
  #isSending = false;

  constructor(sender: Sender) {
    this.#sender = sender;
  }

  write(entry: WriteEntry<unknown>): Promise<WriteReceipt> {
    return new Promise((resolve, reject) => {
      this.#waiting.push({ entry, characters: JSON.stringify(entry).length, resolve, reject });
      if (!this.#isSending) void this.#sendAll();
    });
  }

  async #sendAll(): Promise<void> {
    this.#isSending = true;
    // Whoever writes in this turn of the event loop still joins the first request.
    await Promise.resolve();
    while (this.#waiting.length > 0) await this.#send(this.#takeSome());
    this.#isSending = false;
  }

  #takeSome(): readonly Waiting[] {
    let [count, characters] = [0, 0];
    for (const { characters: more } of this.#waiting) {
      if (count > 0 && (count === MOST_ENTRIES || characters + more > MOST_CHARACTERS)) break;
      count++;
      characters += more;
    }
    return this.#waiting.splice(0, count);
  }

  async #send(batch: readonly Waiting[]): Promise<void> {
    const [first] = batch;
    if (batch.length === 1 && first) return this.#sendOne(first);
    try {
      const receipts = await this.#sender.many(batch.map(({ entry }) => entry));
      batch.forEach(({ resolve }, index) => resolve(receipts[index] as WriteReceipt));
    } catch (error) {
      if (isSSSNError(error) && ONE_MESSAGES_FAULT.has(error.code)) for (const waiting of batch) await this.#sendOne(waiting);
      else for (const { reject } of batch) reject(error);
    }
  }

  #sendOne({ entry, resolve, reject }: Waiting): Promise<void> {
    return this.#sender.one(entry).then(resolve, reject);
  }
}
