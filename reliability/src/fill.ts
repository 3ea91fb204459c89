// One run of the template that injuries are tried on; says so when all of it is acknowledged, and ends when its input ends.
import type { MessageDraft, Settlement } from "@sssn/core";
import { LevelMessageStore } from "@sssn/store-level";
import { JOBS, MAIL, ORDERED, RECIPIENTS } from "./picture.js";

const [, , folder = "", run = ""] = process.argv;
const store = new LevelMessageStore({ folder });
const [jobs, mail, ordered] = [await store.open(JOBS), await store.open(MAIL, { addressed: true }), await store.open(ORDERED)];

function draft(index: number, more: Partial<MessageDraft> = {}): MessageDraft {
  return {
    timestamp: 1_700_000_000_000 + index,
    senderId: "fill",
    content: { index, text: `${(index * 7_919) % 65_521} and ${(index * 104_729) % 99_991}`.repeat(8) },
    metadata: {},
    ...more,
  };
}

for (let index = 0; index < 300; index++) {
  await jobs.append([draft(index, { id: `job-${run}-${index}` }), draft(index)]);
  if (index % 10 === 0) await mail.append([draft(index, { recipientId: RECIPIENTS[(index / 10) % 2] as string }), draft(index)]);
  if (index % 15 === 0) await jobs.moveCursor({ owner: `reader-${index / 15}`, name: "main" }, index + 1);
  if (index % 3 === 0) await work(index);
  if (index % 5 === 0) await order(index);
}
await jobs.evict({ maxCount: 1_500, keepUnsettled: true });

/** Keys, priorities, names, what is cancelled, and what is moved. */
async function order(index: number): Promise<void> {
  const id = `ordered-${run}-${index}`;
  await ordered.append([
    draft(index, { id, key: `key-${index % 4}`, priority: index % 10 }),
    draft(index, { supersede: `name-${index % 3}` }),
    draft(index, { id: `${id}-moved`, key: "moved" }),
  ]);
  if (index % 20 === 0) await ordered.cancel("workers", [id], "for the sake of it");
  await ordered.reschedule("workers", [`${id}-moved`], { delayMs: 24 * 3_600_000, priority: 8 });
  const { claims } = await ordered.claim({ group: "workers", readerId: "fill", limit: 2, leaseMs: 24 * 3_600_000 });
  await ordered.settle(
    "workers",
    "fill",
    claims.slice(0, 1).map(({ receipt }) => ({ receipt, action: "acknowledge" })),
  );
}

async function work(index: number): Promise<void> {
  const { claims } = await jobs.claim({ group: "workers", readerId: "fill", limit: 5, leaseMs: 24 * 3_600_000 });
  await jobs.settle(
    "workers",
    "fill",
    claims
      .slice(0, 4)
      .map(({ receipt }, place): Settlement =>
        place === 3 && index % 30 === 0
          ? { receipt, action: "dead-letter", reason: "for the sake of it" }
          : place === 2
            ? { receipt, action: "release", delayMs: 0 }
            : { receipt, action: "acknowledge" },
      ),
  );
}

process.stdout.write("filled\n");
process.stdin.resume();
process.stdin.on("end", () => void store.close());
