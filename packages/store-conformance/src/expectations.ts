import { deepStrictEqual, ok } from "node:assert/strict";
import {
  isSSSNError,
  type ChannelLog,
  type ChannelMessage,
  type ClaimRequest,
  type ClaimedMessage,
  type ErrorCode,
  type SSSNError,
} from "@sssn/core";

export { deepStrictEqual as equal, ok };

/** Checks that a call is refused with a stable code. */
export async function refused(call: () => Promise<unknown>, code: ErrorCode): Promise<SSSNError> {
  let result: unknown;
  try {
    result = await call();
  } catch (error) {
    ok(isSSSNError(error, code), `expected the error ${code}, got ${String(error)}`);
    return error;
  }
  throw new Error(`expected the error ${code}, got the result ${JSON.stringify(result)}`);
}

export function sequences(messages: readonly ChannelMessage[]): number[] {
  return messages.map(({ sequence }) => sequence);
}

export async function readAll(log: ChannelLog): Promise<readonly ChannelMessage[]> {
  return (await log.read({ after: 0, limit: 10_000 })).messages;
}

export async function claimSome(
  log: ChannelLog,
  readerId: string,
  limit: number,
  options: Partial<Omit<ClaimRequest, "readerId" | "limit">> = {},
): Promise<readonly ClaimedMessage[]> {
  return (await log.claim({ group: "default", leaseMs: 60_000, ...options, readerId, limit })).claims;
}

export function claimed(claims: readonly ClaimedMessage[]): number[] {
  return claims.map(({ message }) => message.sequence);
}

/** Settles and gives back the statuses. */
export async function settle(
  log: ChannelLog,
  readerId: string,
  claims: readonly ClaimedMessage[],
  action: "acknowledge" | "dead-letter" = "acknowledge",
  group = "default",
): Promise<string[]> {
  const results = await log.settle(
    group,
    readerId,
    claims.map(({ receipt }) => ({ receipt, action })),
  );
  return results.map(({ status }) => status);
}

export async function release(log: ChannelLog, readerId: string, claims: readonly ClaimedMessage[], delayMs = 0): Promise<string[]> {
  const results = await log.settle(
    "default",
    readerId,
    claims.map(({ receipt }) => ({ receipt, action: "release" as const, delayMs })),
  );
  return results.map(({ status }) => status);
}
