import type { LogPredecessor } from "@sssn/core";
import { decideAddressed, logIsThere, randomToken } from "@sssn/core/log-state";
import type { Commit, Engine } from "./engine.js";
import { CHANNELS, ChannelKeys, DELETIONS, HIGHEST_KEY, channelKey, deletionKey, nameIn } from "./keys.js";

/** What the register of channels says about one. */
export interface ChannelEntry {
  /** Never given to another channel. */
  readonly number: number;
  readonly addressed: boolean;
  /** Missing until a log that an earlier release made is opened. */
  readonly identity?: string;
  /** Of a log that was put in: who it was before it was set back. Left out: nobody else. */
  readonly predecessors?: readonly LogPredecessor[];
}

/** An entry of a log that was opened by this release. */
export type OpenedEntry = ChannelEntry & Required<Pick<ChannelEntry, "identity">>;

/** So many keys of a deleted channel are taken away in one commit. */
const DELETED_AT_ONCE = 10_000;

/** Which channels a store has. One change at a time. */
export class ChannelRegister {
  readonly #engine: Engine;
  #changing: Promise<unknown> = Promise.resolve();
  /** The highest number ever given; read at the first change. */
  #highest: number | undefined;

  constructor(engine: Engine) {
    this.#engine = engine;
  }

  /** The channel's entry, made on first use. @throws SSSNError `invalid_state` when it was made with another `addressed`. */
  enter(channelId: string, addressed: boolean | undefined): Promise<OpenedEntry> {
    return this.#alone(async () => {
      const known = await this.#read(channelId);
      if (known) decideAddressed(channelId, known.addressed, addressed);
      if (known?.identity !== undefined) return { ...known, identity: known.identity };
      const number = known?.number ?? (this.#highest ?? 0) + 1;
      const entry = { number, addressed: known?.addressed ?? addressed ?? false, identity: randomToken() };
      await this.#commit({ puts: [[channelKey(channelId), JSON.stringify(entry)]], deletes: [] });
      this.#highest = Math.max(this.#highest ?? 0, number);
      return entry;
    });
  }

  /** A number for a channel that is not to be seen yet: what a crash leaves under it is deleted like a channel whose deletion had begun. */
  reserve(): Promise<number> {
    return this.#alone(async () => {
      const number = (this.#highest ?? 0) + 1;
      const puts: [string, string][] = [
        [deletionKey(number), ""],
        [HIGHEST_KEY, String(number)],
      ];
      await this.#commit({ puts, deletes: [] });
      this.#highest = number;
      return number;
    });
  }

  /** Everything under a reserved number is there: from now on it is a channel. @throws SSSNError `invalid_state` where there is one of this id. */
  enterReserved(channelId: string, entry: OpenedEntry): Promise<void> {
    return this.#alone(async () => {
      if (await this.#read(channelId)) throw logIsThere(channelId);
      await this.#commit({ puts: [[channelKey(channelId), JSON.stringify(entry)]], deletes: [deletionKey(entry.number)] });
    });
  }

  /** Nothing comes of a reserved number, though whether it was entered may be unknown. */
  discard(channelId: string, number: number): Promise<void> {
    return this.#alone(async () => {
      if ((await this.#read(channelId))?.number === number)
        await this.#commit({ puts: [[deletionKey(number), ""]], deletes: [channelKey(channelId)] });
      await this.#deleteEverything(number);
    });
  }

  async has(channelId: string): Promise<boolean> {
    return (await this.#read(channelId)) !== undefined;
  }

  /** The ids of all channels. */
  async list(): Promise<readonly string[]> {
    const keys = await (await this.#engine.database()).keys(CHANNELS).all();
    return keys.map((key) => nameIn(CHANNELS, key));
  }

  /** Takes the entry away, and then everything that belonged to it. Begun once, it is finished also after a crash. */
  delete(channelId: string): Promise<boolean> {
    return this.#alone(async () => {
      const known = await this.#read(channelId);
      if (!known) return false;
      const puts: [string, string][] = [
        [deletionKey(known.number), ""],
        [HIGHEST_KEY, String(this.#highest ?? known.number)],
      ];
      await this.#commit({ puts, deletes: [channelKey(channelId)] });
      await this.#deleteEverything(known.number);
      return true;
    });
  }

  async #deleteEverything(number: number): Promise<void> {
    const database = await this.#engine.database();
    const { everything } = new ChannelKeys(number);
    for (let deletes = [""]; deletes.length > 0;) {
      deletes = await database.keys({ ...everything, limit: DELETED_AT_ONCE }).all();
      await this.#commit({ puts: [], deletes });
    }
    await this.#commit({ puts: [], deletes: [deletionKey(number)] });
  }

  async #read(channelId: string): Promise<ChannelEntry | undefined> {
    const text = await (await this.#engine.database()).get(channelKey(channelId));
    return text === undefined ? undefined : (JSON.parse(text) as ChannelEntry);
  }

  #alone<Result>(change: () => Promise<Result>): Promise<Result> {
    const changed = this.#changing.then(async () => {
      if (this.#highest === undefined) await this.#begin();
      return change();
    });
    this.#changing = changed.catch(() => undefined);
    return changed;
  }

  async #begin(): Promise<void> {
    const database = await this.#engine.database();
    let highest = Number((await database.get(HIGHEST_KEY)) ?? 0);
    for await (const value of database.values(CHANNELS)) highest = Math.max(highest, (JSON.parse(value) as ChannelEntry).number);
    this.#highest = highest;
    for (const key of await database.keys(DELETIONS).all()) await this.#deleteEverything(Number(nameIn(DELETIONS, key)));
  }

  #commit(commit: Commit): Promise<void> {
    return this.#engine.commit(this.#engine.generation, commit, undefined);
  }
}
