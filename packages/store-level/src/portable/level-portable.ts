import { validateIdentifier } from "@sssn/core";
import { logIsThere, noSuchLog, takeIn, type LogHeader, type LogPart, type PortableLogs, type RightNumber } from "@sssn/core/log-state";
import type { ChannelRegister } from "../channel-register.js";
import type { Engine } from "../engine.js";
import { ChannelKeys } from "../keys.js";
import type { LevelChannelLog } from "../level-channel-log.js";
import type { LevelHolds } from "../level-holds.js";
import { LogWriter } from "./putting-in.js";
import { takenOut } from "./taking-out.js";

interface LevelPortableParts {
  readonly engine: Engine;
  readonly register: ChannelRegister;
  readonly holds: LevelHolds;
  /** The log of a channel that there is. */
  readonly opened: (channelId: string) => Promise<LevelChannelLog>;
  /** @throws SSSNError `store_closed`. */
  readonly assertOpen: (what: string) => void;
}

/** Takes logs out of a folder and puts them in. */
export class LevelPortable implements PortableLogs {
  readonly #parts: LevelPortableParts;

  constructor(parts: LevelPortableParts) {
    this.#parts = parts;
  }

  async steadyNow(): Promise<number> {
    const { engine, assertOpen } = this.#parts;
    assertOpen("tell the time");
    await engine.database();
    return engine.steady.now();
  }

  async *exportLog(channelId: string): AsyncGenerator<LogPart> {
    const { engine, register, opened, assertOpen } = this.#parts;
    assertOpen(`take out channel ${channelId}`);
    if (!(await register.has(channelId))) throw noSuchLog(channelId);
    const { content } = await opened(channelId);
    try {
      yield* takenOut(content);
    } catch (thrown) {
      throw engine.explain(thrown);
    }
  }

  /** Under a number that is being deleted until all of it is there: so a crash, or a failure, leaves what is deleted with the next start. */
  async importLog(channelId: string, parts: AsyncIterable<LogPart>): Promise<void> {
    const { engine, register, assertOpen } = this.#parts;
    validateIdentifier("channel id", channelId);
    assertOpen(`put in channel ${channelId}`);
    if (await register.has(channelId)) throw logIsThere(channelId);
    const number = await register.reserve();
    const keys = new ChannelKeys(number);
    try {
      const begin = (header: LogHeader): Incoming => ({ header, writer: new LogWriter(engine, keys, header) });
      const { header, writer } = await takeIn(channelId, parts, begin, (incoming, part) => incoming.writer.take(part));
      await writer.finish();
      const { addressed, identity, predecessors } = header;
      await register.enterReserved(channelId, { number, addressed, identity, ...(predecessors.length > 0 ? { predecessors } : {}) });
    } catch (error) {
      // Where that fails as well, the next start does it.
      await register.discard(channelId, number).catch(() => undefined);
      throw error;
    }
  }

  async rightNumbers(): Promise<readonly RightNumber[]> {
    this.#parts.assertOpen("tell the numbers of its rights");
    return this.#parts.holds.numbers();
  }

  async raiseRightNumbers(numbers: readonly RightNumber[]): Promise<void> {
    this.#parts.assertOpen("raise the numbers of its rights");
    return this.#parts.holds.raise(numbers);
  }
}

/** A log that comes in, and what writes it. */
interface Incoming {
  readonly header: LogHeader;
  readonly writer: LogWriter;
}
