// Opens a store, claims from it, and says how long that took and what it cost in memory; waits to be killed when told to.
import { LevelMessageStore } from "@sssn/store-level";

const [, , folder = "", then = "close"] = process.argv;
const before = process.memoryUsage().rss;
const begun = performance.now();
const store = new LevelMessageStore({ folder });
const log = await store.open("bench");
const { claims } = await log.claim({ group: "bench", readerId: "again", limit: 1, leaseMs: 10 });
const ms = performance.now() - begun;
process.stdout.write(`${JSON.stringify({ ms, megabytes: (process.memoryUsage().rss - before) / 1024 / 1024, claims: claims.length })}\n`);
if (then === "close") await store.close();
else {
  for (let count = 0; count < 2_000; count++)
    await log.append([{ timestamp: 1, senderId: "bench", content: { count, filling: "x".repeat(150) }, metadata: {} }]);
  process.kill(process.pid, "SIGKILL");
}
