// What calls of a channel look like as requests.
import { freezeJson, type CursorOptions, type JobSelection, type Metadata, type SubscribeOptions, type WriteEntry } from "@sssn/core";
import { randomToken } from "@sssn/core/log-state";
import { queryText } from "./channel-url.js";

/** Whether messages are chosen by their ids. */
export function isList(which: readonly string[] | JobSelection): which is readonly string[] {
  return Array.isArray(which);
}

/** As it is sent: with an id, and with nothing that JSON would drop or change without a word. */
export function entryOf(entry: WriteEntry<unknown>): WriteEntry<unknown> {
  const { metadata } = entry;
  return {
    id: randomToken(),
    ...entry,
    content: freezeJson(entry.content),
    ...(metadata === undefined ? {} : { metadata: freezeJson(metadata, "metadata") as Metadata }),
  };
}

/** Where a stream begins, as a query. */
export function startQuery({ from, cursor, log }: SubscribeOptions): string {
  const begin = typeof from === "object" ? { after: from.after } : { from: from ?? "now" };
  return queryText({ ...begin, cursor, log });
}

/** The cursor of a subscription, if it has one. */
export function cursorOf({ cursor }: SubscribeOptions): CursorOptions {
  return cursor === undefined ? {} : { cursor };
}

/** Each message as a page of its own. */
export async function* singly<Message>(messages: AsyncIterable<Message>): AsyncGenerator<readonly Message[], void, undefined> {
  for await (const message of messages) yield [message];
}
