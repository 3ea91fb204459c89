import { SSSNError } from "../../errors.js";
import { refuseUnknownOptions } from "../../options.js";
import type { MessageStore } from "../../ports/message-store.js";
import { copyLog } from "./copy-log.js";
import { digestLog } from "./log-digest.js";
import { isPortable, type PortableLogs } from "./log-part.js";

/** How far a copy is. */
export interface CopyProgress {
  readonly channelId: string;
  /** `copying`: messages are on their way; `checking`: both logs are read to compare them; `done`: they are the same. */
  readonly phase: "copying" | "checking" | "done";
  /** How many messages of this channel were taken out by now. */
  readonly messages: number;
  /** How many channels are done, this one included where it is. */
  readonly channelsDone: number;
  /** How many there are. */
  readonly channels: number;
}

/** What is copied, and who is told. */
export interface CopyOptions {
  /** The ids of the channels. Default: all of the source. */
  readonly channels?: readonly string[];
  /** Ends the copy with the signal's reason. Begun again, it goes on with the first channel that is not complete. */
  readonly signal?: AbortSignal;
  /** Called for every page of messages, and for every phase of a channel. */
  readonly onProgress?: (progress: CopyProgress) => void;
}

const OPTIONS: ReadonlySet<string> = new Set<keyof CopyOptions>(["channels", "signal", "onProgress"]);

/** A channel that is the same in both stores. */
export interface CopiedChannel {
  readonly channelId: string;
  /** SHA-256 over everything that was copied: that of the source and that of the copy. */
  readonly digest: string;
  /** How many messages were copied; 0 where it was there. */
  readonly messages: number;
  /** An earlier call had copied it. */
  readonly wasThere: boolean;
}

/** What {@link copyStore} has done. */
export interface CopyResult {
  /** In the order in which they were copied. */
  readonly channels: readonly CopiedChannel[];
}

/**
 * Copies channels from one store to another with everything that outlives a restart: messages under their sequences and ids, what was removed, cursors, and of every group what is settled, held,
 * resting, dead or cancelled, so that whoever holds a receipt settles at the copy. Both stores are open; nobody else may use either until it has ended.
 *
 * Run it again after an interruption: what is complete is recognised by its digest, and what is not was never to be seen and is begun anew.
 *
 * @throws SSSNError `invalid_argument` where one of the stores can't be copied; `channel_not_found`; `invalid_state` where the target has another log under the id of one, or where the source was
 * used meanwhile, with `details.channel`; and what the stores throw.
 *
 * @example
 * ```ts
 * import { MemoryMessageStore, PassthroughChannel } from "@sssn/core";
 * import { copyStore } from "@sssn/open-store";
 * const [from, to] = [new MemoryMessageStore(), new MemoryMessageStore()];
 * const readings = new PassthroughChannel({ id: "readings", store: from });
 * await readings.start();
 * await readings.write("sensor", 21);
 * await readings.drain();
 * const { channels } = await copyStore(from, to);
 * if (channels[0]?.messages !== 1) throw new Error("one message was copied");
 * ```
 */
export async function copyStore(from: MessageStore, to: MessageStore, options: CopyOptions = {}): Promise<CopyResult> {
  refuseUnknownOptions("copyStore()", options, OPTIONS);
  const [source, target] = [logsOf(from, "source"), logsOf(to, "target")];
  if (from === to) throw new SSSNError("invalid_argument", "copyStore() needs two stores, but the source is the target.");
  const channelIds = options.channels ?? (await from.list());
  await target.raiseRightNumbers(await source.rightNumbers());
  const there = new Set(await to.list());
  const channels: CopiedChannel[] = [];
  for (const channelId of channelIds) {
    options.signal?.throwIfAborted();
    let messages = 0;
    const tell = (phase: CopyProgress["phase"], channelsDone = channels.length): void =>
      options.onProgress?.({ channelId, phase, messages, channelsDone, channels: channelIds.length });
    if (there.has(channelId)) {
      tell("checking");
      channels.push({ channelId, digest: await sameDigest(source, target, channelId, options.signal), messages, wasThere: true });
    } else {
      const digest = await copyLog(source, target, channelId, {
        ...(options.signal ? { signal: options.signal } : {}),
        onMessages: (count) => {
          messages += count;
          tell("copying");
        },
        onChecking: () => tell("checking"),
        discard: () => to.delete(channelId),
      });
      channels.push({ channelId, digest, messages, wasThere: false });
    }
    tell("done", channels.length);
  }
  if (!options.channels) await assertNoneCame(from, channelIds);
  return { channels };
}

function logsOf(store: MessageStore, role: string): PortableLogs {
  if (isPortable(store)) return store.portable;
  throw new SSSNError(
    "invalid_argument",
    `The ${role} of copyStore() is a store whose logs can't be taken out and put in: it has no "portable".`,
  );
}

/** @throws SSSNError `invalid_state` when what the target has is no copy of what the source has. */
async function sameDigest(source: PortableLogs, target: PortableLogs, channelId: string, signal: AbortSignal | undefined): Promise<string> {
  const [wanted, found] = [await digestLog(source, channelId, signal), await digestLog(target, channelId, signal)];
  if (wanted === found) return found;
  throw new SSSNError(
    "invalid_state",
    `The target has another log for channel ${channelId}, or one that was used since it was copied. Delete it there to copy it anew.`,
    { details: { channel: channelId } },
  );
}

/** @throws SSSNError `invalid_state` when channels were made meanwhile. */
async function assertNoneCame(from: MessageStore, known: readonly string[]): Promise<void> {
  const stranger = (await from.list()).find((channelId) => !known.includes(channelId));
  if (stranger === undefined) return;
  throw new SSSNError(
    "invalid_state",
    `Channel ${stranger} was made at the source while it was copied: nobody may use it meanwhile. Copy again.`,
    {
      details: { channel: stranger },
    },
  );
}
