import { systemClock, type Clock } from "../../clock.js";
import { isSSSNError, toError } from "../../errors.js";
import { MAX_IDENTIFIER_LENGTH, validateIdentifier, validateInteger } from "../../identifiers.js";
import { freezeJson } from "../../json.js";
import { linkSignals } from "../../link-signals.js";
import type { ChannelMessage } from "../../message.js";
import { refuseUnknownOptions } from "../../options.js";
import type { ChannelPort } from "../../ports/channel-port.js";
import { sha256 } from "../../sha256.js";
import { DEFAULT_GROUP } from "./claim-bounds.js";

/** Whose result: a message of a channel, worked on in a group. */
export interface ResultOf {
  /** The id of the channel in which the job is. */
  readonly channel: string;
  /** The job's id. */
  readonly id: string;
  /** The group that works on it. Default `default`. */
  readonly group?: string;
}

/** For how long a result is waited for. */
export interface ResultOptions {
  /** In ms, from 0. Default 0: it is there or not. */
  readonly waitMs?: number;
  /** Ends the wait. */
  readonly signal?: AbortSignal;
  /** What time it is. Default: the machine's clock; a test gives a `VirtualClock`. */
  readonly clock?: Clock;
}

const RESULT_OPTIONS: ReadonlySet<string> = new Set<keyof ResultOptions>(["waitMs", "signal", "clock"]);

/** The id of a job's result, the same however often the job runs. Long ones are told apart by their SHA-256. */
export async function resultIdOf({ channel, id, group = DEFAULT_GROUP }: ResultOf): Promise<string> {
  const name = `${validateIdentifier("channel id", channel)}~${validateIdentifier("group name", group)}~${validateIdentifier("message id", id)}`;
  if (name.length <= MAX_IDENTIFIER_LENGTH) return name;
  return `result-${await sha256(name)}`;
}

/**
 * Stores what a job has given, once: where it ran twice, the first result stands.
 *
 * @throws SSSNError `invalid_content` for what is no JSON: trying again is useless. Any other error where writing it failed: that is not the job's fault, whatever it is.
 */
export async function storeResult(
  results: ChannelPort<unknown, unknown>,
  writerId: string,
  of: ResultOf,
  returned: unknown,
): Promise<void> {
  const content = returned === undefined ? null : freezeJson(returned, "result");
  try {
    await results.write(writerId, content, { id: await resultIdOf(of), correlationId: of.id });
  } catch (thrown) {
    if (isSSSNError(thrown, "message_conflict")) return;
    throw new Error(`its result could not be stored in channel ${results.id}: ${toError(thrown).message}`, { cause: thrown });
  }
}

/**
 * The result of a job that a worker with `results` has done, from the channel that it writes them to, wherever that is.
 *
 * @returns the message with the result as its content; `undefined` when there is none within `waitMs`.
 * @throws SSSNError `invalid_argument`, `invalid_identifier`, `unsupported_operation` (the results are in a work queue that is not shared).
 *
 * @example
 * ```ts
 * import { MemoryMessageStore, PassthroughChannel, WorkQueueChannel, resultOf, work } from "@sssn/core";
 * const store = new MemoryMessageStore();
 * const [sums, results] = [new WorkQueueChannel<number[]>({ id: "sums", store }), new PassthroughChannel({ id: "results", store })];
 * await Promise.all([sums.start(), results.start()]);
 * const worker = work(sums, "adder", ({ content }) => content.reduce((sum, number) => sum + number, 0), { results });
 * const { id } = await sums.write("shop", [1, 2, 3]);
 * const result = await resultOf(results, "shop", { channel: "sums", id }, { waitMs: 10_000 });
 * if (result?.content !== 6) throw new Error("1 + 2 + 3 is 6");
 * await worker.close();
 * await Promise.all([sums.drain(), results.drain()]);
 * ```
 */
export async function resultOf<Content = unknown>(
  results: ChannelPort<Content, never>,
  readerId: string,
  of: ResultOf,
  options: ResultOptions = {},
): Promise<ChannelMessage<Content> | undefined> {
  refuseUnknownOptions("resultOf()", options, RESULT_OPTIONS);
  const waitMs = validateInteger("waitMs", options.waitMs ?? 0, 0, Number.MAX_SAFE_INTEGER);
  const id = await resultIdOf(of);
  if (waitMs === 0) return results.find(readerId, id);
  const timeout = new AbortController();
  const cancel = (options.clock ?? systemClock).schedule(() => timeout.abort(), waitMs);
  const { signal, release } = linkSignals(timeout.signal, options.signal);
  try {
    // What is written behind this position is seen by the stream, what is before it by looking.
    const { last, log } = await results.positions(readerId);
    const known = await results.find(readerId, id);
    if (known) return known;
    for await (const message of results.stream(readerId, { from: { after: last }, log, signal })) if (message.id === id) return message;
    return undefined;
  } finally {
    cancel();
    release();
  }
}
