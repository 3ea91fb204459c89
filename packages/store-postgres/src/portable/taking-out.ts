import type { LogPredecessor } from "@sssn/core";
import { noSuchLog, type LogPart, type PortableMessage } from "@sssn/core/log-state";
import type { ClientBase } from "pg";
import { Journal } from "../log/journal.js";
import { COLUMNS, messageOf, type ReadRow } from "../log/message-rows.js";

/** So many messages, ids or cursors come at once. */
const PAGE = 1_000;

interface FoundChannel {
  readonly number: string;
  readonly addressed: boolean;
  readonly identity: string;
  readonly predecessors: string;
}

/** Takes a log apart, as it is at one moment. @param client in a transaction that sees one. */
export async function* partsOf(client: ClientBase, schema: string, channelId: string): AsyncGenerator<LogPart> {
  const { rows: channels } = await client.query<FoundChannel>(
    `SELECT number, addressed, identity, predecessors FROM "${schema}".channel WHERE id = $1`,
    [channelId],
  );
  const [channel] = channels;
  if (!channel) throw noSuchLog(channelId);
  const { number, addressed, identity } = channel;
  const state = await new Journal(number, schema, 0, false).load(client, () => undefined);
  const predecessors = JSON.parse(channel.predecessors) as readonly LogPredecessor[];
  const [removed, expired, superseded] = [[...state.removed], [...state.expired], [...state.superseded]];
  yield {
    part: "log",
    header: { identity, predecessors, addressed, last: state.last, newestTimestamp: state.newest, removed, expired, superseded },
  };
  yield* messagesOf(client, schema, channelId, number);
  for await (const ids of pages(
    client,
    `SELECT id, sequence, until FROM "${schema}".removed_id WHERE channel = $1 ORDER BY until, id`,
    number,
    rememberedOf,
  ))
    yield { part: "ids", ids };
  for await (const cursors of pages(client, `SELECT * FROM "${schema}".cursor WHERE channel = $1 ORDER BY owner, name`, number, cursorOf))
    yield { part: "cursors", cursors };
  for (const [group, ledger] of [...state.ledgers].sort(([left], [right]) => (left < right ? -1 : 1)))
    yield { part: "group", group, kept: ledger.kept() };
  yield { part: "end" };
}

async function* messagesOf(client: ClientBase, schema: string, channelId: string, number: string): AsyncGenerator<LogPart> {
  const names = new Map<string, number>();
  const { rows: last } = await client.query<{ supersede: string; sequence: string }>(
    `SELECT supersede, max(sequence) AS sequence FROM "${schema}".message WHERE channel = $1 AND supersede IS NOT NULL GROUP BY supersede`,
    [number],
  );
  for (const { supersede, sequence } of last) names.set(supersede, Number(sequence));
  for (let after = 0; ;) {
    const { rows } = await client.query<ReadRow>(
      `SELECT ${COLUMNS} FROM "${schema}".message WHERE channel = $1 AND sequence > $2 ORDER BY sequence LIMIT ${PAGE}`,
      [number, after],
    );
    if (rows.length === 0) return;
    const messages = rows.map((row): PortableMessage => {
      const { message } = messageOf(channelId, row);
      const isLast = message.supersede !== undefined && names.get(message.supersede) === message.sequence;
      return isLast ? { message, isLastOfName: true } : { message };
    });
    yield { part: "messages", messages };
    after = messages.at(-1)?.message.sequence ?? after;
  }
}

async function* pages<Row extends object, Item>(
  client: ClientBase,
  text: string,
  number: string,
  itemOf: (row: Row) => Item,
): AsyncGenerator<readonly Item[]> {
  for (let offset = 0; ; offset += PAGE) {
    const { rows } = await client.query<Row>(`${text} LIMIT ${PAGE} OFFSET ${offset}`, [number]);
    if (rows.length > 0) yield rows.map(itemOf);
    if (rows.length < PAGE) return;
  }
}

function rememberedOf({ id, sequence, until }: { id: string; sequence: string; until: string }) {
  return { id, sequence: Number(sequence), until: Number(until) };
}

function cursorOf(row: { owner: string; name: string; sequence: string; moved_at: string | null; lost: string; gone: string }) {
  const { owner, name, sequence, moved_at, lost, gone } = row;
  return {
    owner,
    name,
    sequence: Number(sequence),
    lost: Number(lost),
    gone: Number(gone),
    ...(moved_at === null ? {} : { movedAt: Number(moved_at) }),
  };
}
