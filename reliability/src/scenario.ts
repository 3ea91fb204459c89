// A short scenario, the same every time: write, claim, acknowledge, give back, dead-letter, remove, close, open again. Says what it did.
import { writeSync } from "node:fs";
import { silentLogger, type ChannelLog, type ClaimedMessage } from "@sssn/core";
import { LevelMessageStore } from "@sssn/store-level";
import { monotonicMs, type Action, type HistoryEvent } from "./history.js";

const LEASE_MS = 600_000;
const [, , folder = ""] = process.argv;

function say(event: HistoryEvent): void {
  writeSync(1, `${JSON.stringify(event)}\n`);
}

async function write(log: ChannelLog, count: number, id?: string): Promise<void> {
  const receipts = await log.append(
    Array.from({ length: count }, (_, index) => ({
      timestamp: 1,
      senderId: "w",
      content: { count, filling: "x".repeat(3_000) },
      metadata: {},
      ...(id === undefined ? {} : { id: `${id}-${index}` }),
    })),
  );
  for (const receipt of receipts) say({ type: "written", sequence: receipt.sequence, id: receipt.id });
}

async function claim(log: ChannelLog, limit: number): Promise<readonly ClaimedMessage[]> {
  const asked = monotonicMs();
  const { claims } = await log.claim({ group: "default", readerId: "worker", limit, leaseMs: LEASE_MS });
  for (const { message, receipt } of claims)
    say({ type: "claimed", sequence: message.sequence, receipt, asked, answered: monotonicMs(), leaseMs: LEASE_MS });
  return claims;
}

async function settle(log: ChannelLog, action: Action, claims: readonly ClaimedMessage[]): Promise<void> {
  const references = claims.map(({ receipt, message }) => ({ sequence: message.sequence, receipt }));
  say({ type: "settling", action, claims: references });
  const asked = monotonicMs();
  await log.settle(
    "default",
    "worker",
    references.map(({ receipt }) =>
      action === "release"
        ? { receipt, action, delayMs: 0 }
        : action === "extend"
          ? { receipt, action, leaseMs: LEASE_MS }
          : { receipt, action },
    ),
  );
  say({ type: "settled", action, asked, answered: monotonicMs(), leaseMs: LEASE_MS, done: references, refused: [] });
}

for (const run of [1, 2]) {
  const store = new LevelMessageStore({ folder, logger: silentLogger });
  const log = await store.open("load");
  await write(log, 3);
  await write(log, 2, `run-${run}`);
  const claims = await claim(log, 4);
  await settle(log, "acknowledge", claims.slice(0, 2));
  await settle(log, "release", claims.slice(2, 3));
  await settle(log, "extend", claims.slice(3, 4));
  await log.moveCursor({ owner: "other", name: "other" }, 2);
  await log.evict({ maxCount: 3, keepUnsettled: true });
  await store.close();
}
