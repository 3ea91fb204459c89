import { validateIdentifier } from "../identifiers.js";
import type { Holds } from "../log-state/holds.js";
import type { LogPart, PortableLogs, RightNumber } from "../log-state/portable/log-part.js";
import { logIsThere, noSuchLog, takeIn } from "../log-state/portable/whole-log.js";
import { FreshStep } from "../log-state/ledger/step.js";
import type { MemoryChannelLog } from "./memory-channel-log.js";
import { MemoryLogMaker, partsOf, type MemoryLogContent } from "./memory-log-content.js";

interface MemoryPortableParts {
  readonly logs: Map<string, MemoryChannelLog>;
  readonly holds: Holds;
  readonly steadyNow: () => number;
  readonly makeLog: (channelId: string, content: MemoryLogContent) => MemoryChannelLog;
  /** @throws SSSNError `store_closed`. */
  readonly assertOpen: (what: string) => void;
}

/** Takes logs out of memory and puts them in. */
export class MemoryPortable implements PortableLogs {
  readonly #parts: MemoryPortableParts;

  constructor(parts: MemoryPortableParts) {
    this.#parts = parts;
  }

  // Async, so that a refusal is a rejected promise like every other store's.
  async steadyNow(): Promise<number> {
    this.#parts.assertOpen("tell the time");
    return Promise.resolve(this.#parts.steadyNow());
  }

  async *exportLog(channelId: string): AsyncGenerator<LogPart> {
    this.#parts.assertOpen(`take out channel ${channelId}`);
    const log = this.#parts.logs.get(channelId);
    if (!log) throw noSuchLog(channelId);
    yield* partsOf(log.content);
  }

  async importLog(channelId: string, parts: AsyncIterable<LogPart>): Promise<void> {
    const { logs, steadyNow, makeLog } = this.#parts;
    validateIdentifier("channel id", channelId);
    this.#assertMissing(channelId);
    const maker = await takeIn(
      channelId,
      parts,
      (header) => new MemoryLogMaker(header),
      (making, part) => making.take(part),
    );
    this.#assertMissing(channelId);
    logs.set(channelId, makeLog(channelId, maker.finish(new FreshStep(steadyNow()))));
  }

  #assertMissing(channelId: string): void {
    this.#parts.assertOpen(`put in channel ${channelId}`);
    if (this.#parts.logs.has(channelId)) throw logIsThere(channelId);
  }

  async rightNumbers(): Promise<readonly RightNumber[]> {
    this.#parts.assertOpen("tell the numbers of its rights");
    return Promise.resolve([...this.#parts.holds.numbers()].map(([name, fence]) => ({ name, fence })));
  }

  async raiseRightNumbers(numbers: readonly RightNumber[]): Promise<void> {
    this.#parts.assertOpen("raise the numbers of its rights");
    for (const { name, fence } of numbers) this.#parts.holds.remember(name, fence);
    return Promise.resolve();
  }
}
