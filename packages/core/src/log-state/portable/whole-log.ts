import { SSSNError } from "../../errors.js";
import type { LogHeader, LogPart } from "./log-part.js";

/** What comes behind the header of a log. */
export type LogBody = Exclude<LogPart, { part: "log" | "end" }>;

/**
 * Takes in the parts of a log.
 *
 * @param begin with the header; what it answers is given every other part.
 * @throws SSSNError `invalid_argument` where the beginning or the end is missing, or something behind it is not.
 */
export async function takeIn<Maker>(
  channelId: string,
  parts: AsyncIterable<LogPart>,
  begin: (header: LogHeader) => Maker,
  take: (maker: Maker, part: LogBody) => Promise<void> | void,
): Promise<Maker> {
  let begun: { readonly maker: Maker } | undefined;
  let hasEnded = false;
  for await (const part of parts) {
    if (hasEnded || (begun === undefined) !== (part.part === "log"))
      throw noWholeLog(channelId, `a part "${part.part}" is out of its place`);
    if (part.part === "log") begun = { maker: begin(part.header) };
    else if (part.part === "end") hasEnded = true;
    else if (begun) await take(begun.maker, part);
  }
  if (!begun || !hasEnded) throw noWholeLog(channelId, "it was cut off");
  return begun.maker;
}

function noWholeLog(channelId: string, why: string): SSSNError {
  return new SSSNError("invalid_argument", `What is to be put in as channel ${channelId} is no whole log: ${why}.`, {
    details: { channel: channelId },
  });
}

/** What a store answers that has a log of this id already. */
export function logIsThere(channelId: string): SSSNError {
  return new SSSNError(
    "invalid_state",
    `Channel ${channelId} has a log there already: nothing is put into it. Delete it, or give it another id.`,
    {
      details: { channel: channelId },
    },
  );
}

/** What a store answers that has no log to take out. */
export function noSuchLog(channelId: string): SSSNError {
  return new SSSNError("channel_not_found", `There is no channel ${channelId} to take out.`, { details: { channel: channelId } });
}
