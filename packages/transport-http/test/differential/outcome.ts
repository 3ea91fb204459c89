// What a call came to, with everything taken out that two channels can't have in common.
import { isSSSNError } from "@sssn/core";
import type { Call } from "./calls.js";
import type { Side } from "./sides.js";

/** Moments, and what is drawn at random: each side has its own. Where a writer gives no id, the log makes one, or the client does. */
const OWN = new Set([
  "bytes",
  "timestamp",
  "expiresAt",
  "leaseMs",
  "now",
  "availableAt",
  "validUntil",
  "diedAt",
  "deathId",
  "oldestUnfinishedMs",
  "lagMs",
  "movedAt",
  // What a subscription has lost depends on how far it had come by then.
  "lost",
  "availableInMs",
  "sinceMs",
]);
/** A host checks what it can before the channel does, in its own words, and in an order of its own where several things are wrong. */
const BAD_INPUT = new Set(["invalid_argument", "invalid_identifier", "invalid_content", "content_too_large"]);

/** What a call came to. */
export type Outcome = { readonly result: unknown } | { readonly refused: string; readonly how?: object };

/** Whether both are refused, at least one of them for its input: what is wrong in several ways may be refused for any of them. */
export function areBothWrong(one: Outcome, other: Outcome): boolean {
  return "refused" in one && "refused" in other && [one.refused, other.refused].includes("bad input");
}

export async function outcomeOf(call: Call, side: Side): Promise<Outcome> {
  try {
    return { result: comparable(await call.run(side), side) };
  } catch (error) {
    if (!isSSSNError(error)) throw error;
    const { code, status, retryable, message } = error;
    return BAD_INPUT.has(code)
      ? { refused: "bad input" }
      : { refused: code, how: { status, retryable, message: anonymous(message, side) } };
  }
}

function comparable(value: unknown, side: Side, key = ""): unknown {
  if (Array.isArray(value)) return value.map((item) => comparable(item, side, key));
  if (typeof value === "object" && value !== null) {
    const entries = Object.entries(value).filter(([name]) => !["endpoints", "totals"].includes(name) && !isForgotten(name, value));
    return Object.fromEntries(
      entries.map(([name, item]) => [
        name,
        name === "content" || name === "metadata" || name === "progress" ? item : comparable(item, side, name),
      ]),
    );
  }
  if (OWN.has(key)) return typeof value;
  if (key === "receipt") return side.receipts.indexOf(String(value));
  if (key === "log") return "a log";
  if (key === "id") return /^(\d+-)?[0-9a-f]{20}$/.test(String(value)) ? "made" : value;
  return value;
}

/** What is known of a message that was settled lately, a host that was restarted knows no more; nor what happened in a group before. */
function isForgotten(name: string, value: object): boolean {
  return "state" in value && value.state === "settled" && (name === "deliveries" || name === "sinceMs");
}

/** Ids and identities of the log are in the text as well. */
export function anonymous(text: string, side: Side): string {
  const named = side.log === undefined ? text : text.replaceAll(side.log, "LOG");
  return named.replaceAll(/\d+-[0-9a-f]{20}/g, "MADE");
}
