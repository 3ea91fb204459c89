// Cuts the connection of a client that follows a channel, again and again at random places, and looks for a gap or a repeat:
// pnpm stream-cuts -- --rounds N
import { setTimeout as wait } from "node:timers/promises";
import { silentLogger } from "@sssn/core";
import { HttpChannel } from "@sssn/transport-http/client";
import { optionsOf } from "../program.js";
import { CuttingProxy } from "./cutting-proxy.js";
import { HostProcess } from "./host-process.js";

const CLIENTS = 8;
const AT_ONCE = 20;

const { rounds: cuts, random } = optionsOf(500);
const host = await HostProcess.start();
// From before the first frame is whole to a dozen messages.
const proxy = await CuttingProxy.open(host.port, () => 250 + random.below(2_000));
const positions = Array.from({ length: CLIENTS }, () => 0);
const faults: string[] = [];
const subscriptions = await Promise.all(
  positions.map((_, client) =>
    new HttpChannel<number>({ url: proxy.url, id: "news", token: host.token, logger: silentLogger, attempts: 100 }).subscribe(
      "",
      ({ sequence, content }) => {
        if (sequence !== (positions[client] ?? 0) + 1) faults.push(`client ${client} had ${positions[client] ?? 0} and then ${sequence}`);
        if (content !== sequence - 1) faults.push(`client ${client} got ${content} as ${sequence}`);
        positions[client] = sequence;
      },
      { from: "start" },
    ),
  ),
);
let written = 0;
while (proxy.cuts < cuts && faults.length === 0) {
  await host.write(AT_ONCE);
  written += AT_ONCE;
  await wait(20);
}
for (
  const deadline = Date.now() + 120_000;
  positions.some((position) => position < written) && faults.length === 0 && Date.now() < deadline;
)
  await wait(50);
for (const [client, position] of positions.entries())
  if (position !== written) faults.push(`client ${client} has only ${position} of ${written}`);
console.log(`${proxy.cuts} cuts, ${written} messages to each of ${CLIENTS} clients`);
for (const fault of faults.slice(0, 20)) console.error(fault);
if (faults.length > 0) process.exitCode = 1;
else console.log("No gap and no repeat.");
await Promise.all(subscriptions.map((subscription) => subscription.close()));
await proxy.close();
await host.stop();
