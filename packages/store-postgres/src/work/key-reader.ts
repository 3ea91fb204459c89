import type { LogState } from "../log/log-state.js";
import type { MessageTable } from "../log/message-table.js";

/** So many of a key are looked at in one question. */
const PAGE = 16;

/** Finds messages of a key that some group may have to do with: what no group has to do with is passed over, a whole range of it at a time. */
export class KeyReader {
  readonly #table: MessageTable;
  readonly #state: () => LogState;

  constructor(table: MessageTable, state: () => LogState) {
    this.#table = table;
    this.#state = state;
  }

  async next(key: string, after: number): Promise<number | undefined> {
    const state = this.#state();
    for (let from = after; ;) {
      const found = await this.#table.nextOfKey(key, from, PAGE);
      const next = found.find((sequence) => sequence <= state.stored && !state.isRetired(sequence));
      const last = found.at(-1);
      if (next !== undefined || last === undefined || found.length < PAGE) return next;
      from = Math.max(last, behind(state, last) - 1);
    }
  }

  async previous(key: string, before: number): Promise<number | undefined> {
    const state = this.#state();
    for (let from = before; ;) {
      const found = await this.#table.previousOfKey(key, from, PAGE);
      const previous = found.find((sequence) => !state.isRetired(sequence));
      const first = found.at(-1);
      if (previous !== undefined || first === undefined || found.length < PAGE) return previous;
      from = first;
    }
  }
}

/** The first message behind a retired one that is not. */
function behind({ expired, superseded, removed }: LogState, sequence: number): number {
  return Math.max(...[expired, superseded, removed].map((set) => set.nextAbsent(sequence)));
}
