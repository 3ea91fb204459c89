import { SSSNError, describe } from "../errors.js";
import { validateIdentifier, validateInteger } from "../identifiers.js";
import { toMessage } from "../log-state/checks.js";
import type { ChannelMessage, MessageDraft, WriteReceipt } from "../message.js";
import type { WriteCondition, WriteEntry, WriteOptions } from "../ports/channel-port.js";
import { OPERATION_ROLES, type ChannelOperation } from "../ports/roles.js";
import type { AppendOptions, ChannelLog } from "../ports/message-store.js";
import { insufficientRole } from "../security/refusals.js";
import { ChannelLifecycle } from "./channel-lifecycle.js";
import { checkCall } from "./call-options.js";
import { MAX_BATCH, makeDraft } from "./drafts.js";
import { NO_TURN, Turns } from "./turns.js";

/** What comes into a channel: who may do what, and messages on their way to the log. */
export abstract class WritableChannel<Content = unknown, Written = Content> extends ChannelLifecycle<Content, Written> {
  readonly #turns = new Turns();

  /** After a message is stored. The writer does not wait for it. */
  protected onMessage(_message: ChannelMessage<Content>): unknown {
    return undefined;
  }

  /** Refuses what this kind of channel does not do. */
  protected refuse(_operation: ChannelOperation): void {}

  // ---------------------------------------------------------------- who may do what, and when

  protected async authorize(systemId: string, operation: ChannelOperation): Promise<ChannelLog> {
    this.refuse(operation);
    const log = this.log;
    if (!(await this.isAllowed(validateIdentifier("system id", systemId), operation))) throw insufficientRole(systemId, this.id, operation);
    return log;
  }

  protected isAllowed(systemId: string, operation: ChannelOperation): Promise<boolean> | boolean {
    const { security } = this;
    switch (OPERATION_ROLES[operation]) {
      case "watch":
        return security.authorizeRole?.(systemId, this.id, "watch") ?? security.authorizeRead(systemId, this.id);
      case "observe":
        return security.authorizeRole?.(systemId, this.id, "observe") ?? security.authorizeAdmin(systemId, this.id);
      case "read":
        return this.security.authorizeRead(systemId, this.id);
      case "write":
        return this.security.authorizeWrite(systemId, this.id);
      case "admin":
        return this.security.authorizeAdmin(systemId, this.id);
    }
  }

  // ---------------------------------------------------------------- writing

  async write(senderId: string, content: Written, options: WriteOptions & WriteCondition = {}): Promise<WriteReceipt> {
    checkCall("write", options);
    const { ifLast, ...rest } = options;
    const [receipt] = await this.#accept(senderId, 1, ifLast, async () => [await makeDraft(this.options, senderId, content, rest)]);
    return receipt as WriteReceipt;
  }

  async writeBatch(
    senderId: string,
    entries: readonly WriteEntry<Written>[],
    condition: WriteCondition = {},
  ): Promise<readonly WriteReceipt[]> {
    checkCall("writeBatch", condition);
    const given: unknown = entries;
    if (!Array.isArray(given))
      throw new SSSNError("invalid_argument", `A batch is a list of { content, … }, but this is ${describe(given)}.`);
    for (const entry of entries) checkCall("entry", entry);
    const { ifLast } = condition;
    if (entries.length > MAX_BATCH)
      throw new SSSNError("invalid_argument", `A batch takes at most ${MAX_BATCH} messages, but has ${entries.length}.`);
    return this.#accept(senderId, entries.length, ifLast, () =>
      Promise.all(entries.map(({ content, ...options }) => makeDraft(this.options, senderId, content, options))),
    );
  }

  /**
   * Makes the message of a write without storing it, checked by all rules of the channel: for a store that takes part in a transaction of the caller's.
   *
   * @throws SSSNError as `write` does, as long as nothing is stored.
   */
  async draft(senderId: string, content: Written, options: WriteOptions = {}): Promise<MessageDraft> {
    checkCall("write", options);
    this.assertAccepting();
    await this.authorize(senderId, "write");
    return makeDraft(this.options, senderId, content, options);
  }

  /** From here on a drain waits for the write. */
  #accept(
    senderId: string,
    messages: number,
    ifLast: number | undefined,
    makeDrafts: () => Promise<readonly MessageDraft[]>,
  ): Promise<readonly WriteReceipt[]> {
    this.assertAccepting();
    // A schema may take its time with one message, and less with the next: they are stored in the order in which they were written.
    const turn = this.options.schema ? this.#turns.take() : NO_TURN;
    return this.pending.track(messages, async () => {
      try {
        const log = await this.authorize(senderId, "write");
        const condition = ifLast === undefined ? {} : { ifLast: validateInteger("ifLast", ifLast, 0, Number.MAX_SAFE_INTEGER) };
        const drafts = await makeDrafts();
        await turn.comes;
        return await this.#append(log, drafts, condition);
      } finally {
        turn.pass();
      }
    });
  }

  /** Writes as the channel itself: what it brings in on its own. */
  protected ingest(content: Written, options: WriteOptions): Promise<WriteReceipt> {
    return this.ingestAs(this.id, content, options);
  }

  /** Writes without asking for a right, on behalf of the host; also while the channel drains, so that what is under way is finished. */
  protected async ingestAs(senderId: string, content: Written, options: WriteOptions & WriteCondition = {}): Promise<WriteReceipt> {
    const { ifLast, ...rest } = options;
    const [receipt] = await this.ingestBatchAs(senderId, [{ content, ...rest }], ifLast === undefined ? {} : { ifLast });
    return receipt as WriteReceipt;
  }

  /** The same with many, all or none. */
  protected async ingestBatchAs(
    senderId: string,
    entries: readonly WriteEntry<Written>[],
    condition: WriteCondition = {},
  ): Promise<readonly WriteReceipt[]> {
    const { log } = this;
    return this.pending.track(entries.length, async () => {
      const drafts = entries.map(({ content, ...options }) => makeDraft(this.options, senderId, content, options));
      return this.#append(log, await Promise.all(drafts), condition);
    });
  }

  async #append(log: ChannelLog, drafts: readonly MessageDraft[], condition: AppendOptions = {}): Promise<readonly WriteReceipt[]> {
    if (drafts.length === 0) return [];
    const receipts = await log.append(drafts, condition);
    if (this.onMessage !== WritableChannel.prototype.onMessage) this.#announce(log, drafts, receipts);
    return receipts;
  }

  #announce(log: ChannelLog, drafts: readonly MessageDraft[], receipts: readonly WriteReceipt[]): void {
    receipts.forEach(({ id, sequence, duplicate, timestamp }, index) => {
      const draft = drafts[index];
      if (duplicate || !draft) return;
      void this.guarded("message", () => this.onMessage(announced(draft, id, sequence, timestamp ?? log.now()) as ChannelMessage<Content>));
    });
  }
}

/** The message as it was stored. */
function announced(draft: MessageDraft, id: string, sequence: number, timestamp: number): ChannelMessage {
  return toMessage(draft, id, sequence, { steady: timestamp, log: timestamp, stamp: () => timestamp });
}
