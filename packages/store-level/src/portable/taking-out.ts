import type { LogPart, PortableMessage, RememberedId } from "@sssn/core/log-state";
import type { OpenedEntry } from "../channel-register.js";
import type { Engine } from "../engine.js";
import { parseSortable, rangeOf, type ChannelKeys } from "../keys.js";
import type { LevelCursors } from "../level-cursors.js";
import type { LogState } from "../log-state.js";
import type { MessageReader } from "../message-reader.js";

/** So many messages, ids or cursors come at once, */
const PAGE = 1_000;
/** and no more messages than have so many bytes. */
const PAGE_BYTES = 4 * 1024 * 1024;

/** Where everything is that a log keeps. */
export interface LevelLogContent {
  readonly entry: OpenedEntry;
  readonly engine: Engine;
  readonly keys: ChannelKeys;
  readonly reader: MessageReader;
  readonly state: LogState;
  readonly cursors: LevelCursors;
}

/** Takes a log apart. */
export async function* takenOut(content: LevelLogContent): AsyncGenerator<LogPart> {
  const { entry, state } = content;
  const { identity, predecessors = [], addressed } = entry;
  const { stored: last, newestTimestamp } = state;
  const [removed, expired, superseded] = [[...state.removed], [...state.expired], [...state.superseded]];
  yield { part: "log", header: { identity, predecessors, addressed, last, newestTimestamp, removed, expired, superseded } };
  yield* messagesOf(content);
  yield* idsOf(content);
  yield* cursorsOf(content);
  for (const [group, ledger] of [...state.ledgers].sort(([left], [right]) => (left < right ? -1 : 1)))
    yield { part: "group", group, kept: ledger.kept() };
  yield { part: "end" };
}

async function* messagesOf({ engine, reader, state }: LevelLogContent): AsyncGenerator<LogPart> {
  for (let position = 0; position < state.stored;) {
    const database = await engine.database();
    const page = await reader.scan(database, state, position, PAGE, PAGE_BYTES);
    ({ position } = page);
    const messages = page.stored.map(({ message }): PortableMessage => {
      const { sequence, supersede } = message;
      const isLastOfName = supersede !== undefined && state.work.lastOfName(database, supersede)?.sequence === sequence;
      return isLastOfName ? { message, isLastOfName } : { message };
    });
    if (messages.length > 0) yield { part: "messages", messages };
  }
}

async function* idsOf({ engine, keys }: LevelLogContent): AsyncGenerator<LogPart> {
  const { gte, lt } = rangeOf(keys.forgetting);
  for (let after: string | undefined, isDone = false; !isDone;) {
    const database = await engine.database();
    const entries: string[] = await database.keys({ ...(after === undefined ? { gte } : { gt: after }), lt, limit: PAGE }).all();
    after = entries.at(-1);
    isDone = entries.length < PAGE;
    const found = entries.map((entry) => {
      const dash = entry.indexOf("!");
      return { id: entry.slice(dash + 1), until: parseSortable(entry.slice(gte.length, dash)) };
    });
    const sequences = await database.getMany(found.map(({ id }) => keys.id(id)));
    const ids = found.flatMap(({ id, until }, index): RememberedId[] => {
      const sequence = sequences[index];
      return sequence === undefined ? [] : [{ id, sequence: Number(sequence), until }];
    });
    if (ids.length > 0) yield { part: "ids", ids };
  }
}

async function* cursorsOf({ cursors }: LevelLogContent): AsyncGenerator<LogPart> {
  for (let page = await cursors.stored({ limit: PAGE }); page.length > 0;) {
    yield { part: "cursors", cursors: page };
    const after = page.at(-1);
    page = after === undefined || page.length < PAGE ? [] : await cursors.stored({ after, limit: PAGE });
  }
}
