import { cursorInfo, movedTrace, type CursorTrace, type CursorView } from "../log-state/cursor-trace.js";
import type { IntervalSet } from "../log-state/interval-set.js";
import type { CursorInfo, CursorKey, CursorsRequest } from "../ports/message-store.js";

/** The cursors of one log in memory. */
export class MemoryCursors {
  readonly #traces = new Map<string, { readonly key: CursorKey; readonly trace: CursorTrace }>();

  get(key: CursorKey): CursorTrace | undefined {
    return this.#traces.get(idOf(key))?.trace;
  }

  /** Puts it where it was. */
  set({ owner, name }: CursorKey, trace: CursorTrace): void {
    this.#traces.set(idOf({ owner, name }), { key: { owner, name }, trace });
  }

  /** As they are kept, in the order of owners and names. */
  all(): readonly (CursorKey & CursorTrace)[] {
    const found = [...this.#traces].sort(([left], [right]) => (left < right ? -1 : 1));
    return found.map(([, { key, trace }]) => ({ ...key, ...trace }));
  }

  move(key: CursorKey, sequence: number, now: number, removed: IntervalSet): void {
    this.set(key, movedTrace(this.get(key), sequence, now, removed));
  }

  /** The messages behind a sequence are lost, and with them that they were read. */
  rewind(last: number): void {
    for (const [id, { key, trace }] of this.#traces)
      this.#traces.set(id, { key, trace: { ...trace, sequence: Math.min(trace.sequence, last) } });
  }

  delete(key: CursorKey): boolean {
    return this.#traces.delete(idOf(key));
  }

  /** In the order of owners and names. */
  list({ after, limit }: CursorsRequest, view: CursorView): CursorInfo[] {
    const from = after === undefined ? "" : idOf(after);
    const ids = [...this.#traces.keys()].filter((id) => id > from).sort((left, right) => (left < right ? -1 : 1));
    return ids.slice(0, limit).flatMap((id) => {
      const found = this.#traces.get(id);
      return found ? [cursorInfo(found.key, found.trace, view)] : [];
    });
  }
}

/** `!` stands before every character of an identifier: the order of these texts is that of owners, and of names within one. */
function idOf({ owner, name }: CursorKey): string {
  return `${owner}!${name}`;
}
