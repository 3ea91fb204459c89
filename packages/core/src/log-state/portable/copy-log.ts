import { SSSNError } from "../../errors.js";
import { LogDigest, digestLog } from "./log-digest.js";
import type { LogPart, PortableLogs } from "./log-part.js";
import { mapSteadyTimes } from "./steady-times.js";

interface LogCopy {
  readonly signal?: AbortSignal;
  /** So many more messages were taken out. */
  readonly onMessages: (count: number) => void;
  /** Everything is there; now it is compared. */
  readonly onChecking: () => void;
  /** Takes away a copy that is none. */
  readonly discard: () => Promise<unknown>;
}

/**
 * Copies one log, and compares the copy with the source as it was and as it is.
 *
 * @returns the digest of both. @throws SSSNError `invalid_state` when the source was used meanwhile; `store_corrupted` when the copy is another log: it is deleted then.
 */
export async function copyLog(source: PortableLogs, target: PortableLogs, channelId: string, copy: LogCopy): Promise<string> {
  const { signal, onMessages, onChecking, discard } = copy;
  const digest = new LogDigest();
  // The target's clock is read first: what passes until the other one is read makes leases end early, and never late.
  const targetNow = await target.steadyNow();
  const offsetMs = targetNow - (await source.steadyNow());

  async function* translated(): AsyncGenerator<LogPart> {
    for await (const part of source.exportLog(channelId)) {
      signal?.throwIfAborted();
      await digest.add(part);
      yield mapSteadyTimes(part, (at) => at + offsetMs);
      if (part.part === "messages") onMessages(part.messages.length);
    }
  }
  await target.importLog(channelId, translated());
  onChecking();
  const taken = await digest.end();
  try {
    assertUnused(channelId, taken, await digestLog(source, channelId, signal));
    assertSame(channelId, taken, await digestLog(target, channelId, signal));
  } catch (error) {
    // What was only not compared may be as good as any: whoever goes on compares it.
    if (!signal?.aborted) await discard();
    throw error;
  }
  return taken;
}

function assertUnused(channelId: string, taken: string, left: string): void {
  if (left === taken) return;
  throw new SSSNError(
    "invalid_state",
    `Channel ${channelId} was used while it was copied: nobody may use the source meanwhile. Copy again.`,
    {
      details: { channel: channelId },
    },
  );
}

function assertSame(channelId: string, taken: string, made: string): void {
  if (made === taken) return;
  throw new SSSNError("store_corrupted", `The copy of channel ${channelId} is not what was copied: it was deleted again.`, {
    details: { channel: channelId },
  });
}
