// A second process: finds the station's channels through discovery, connects with its own token, and follows or works.
import { readFile } from "node:fs/promises";
import { parseArgs } from "node:util";
import {
  BaseSystem,
  Directory,
  HttpChannel,
  httpConnector,
  runAsProgram,
  type ChannelMessage,
  type JobContext,
  type SystemOptions,
} from "sssn";
import type { Incident, Notice } from "./incidents.js";
import type { Reading } from "./machine/reading.js";

const USAGE = `Usage: npm run follow -- --url URL --token-file FILE [--work] [--busy SECONDS]
  --work           claim incidents and work them off
  --busy SECONDS   how long to work on each (default 1)`;

interface FollowOptions extends SystemOptions {
  readonly url: string;
  readonly token: string;
  readonly work: boolean;
  readonly busyMs: number;
}

class Follower extends BaseSystem {
  readonly #options: FollowOptions;

  constructor(options: FollowOptions) {
    super(options);
    this.#options = options;
  }

  override async setup(): Promise<void> {
    const { url, token, work } = this.#options;
    const directory = new Directory(new HttpChannel({ url, id: "discovery", token }), this.id, {
      // What the directory says is what somebody has registered: the token goes to the station alone.
      connect: httpConnector({ token, origins: [new URL(url).origin] }),
    });
    console.log(`The station at ${url} offers: ${(await directory.findChannels()).map(({ id, kind }) => `${id} (${kind})`).join(", ")}`);
    for (const id of work ? ["incidents", "reports"] : ["readings", "notices"]) await this.client.connectFrom(directory, id);
  }

  override async onStart(): Promise<void> {
    if (this.#options.work) {
      this.client.work<Incident>("incidents", (message, context) => this.#look(message, context), { leaseMs: 3_000 });
      return;
    }
    await this.client.subscribe<Reading>("readings", ({ sequence, content }) =>
      console.log(`#${sequence} cpu ${(content.cpuShare * 100).toFixed(1)} %  memory ${(content.memoryShare * 100).toFixed(1)} %`),
    );
    await this.client.subscribe<Notice>("notices", ({ content }) => console.log(`  mail for ${this.id}: ${content.text}`));
  }

  async #look({ id, content }: ChannelMessage<Incident>, { deliveries, signal }: JobContext): Promise<void> {
    console.log(`working on ${id} (delivery ${deliveries})`);
    await new Promise<void>((resolve, reject) => {
      const timer = setTimeout(resolve, this.#options.busyMs);
      signal.addEventListener("abort", () => {
        clearTimeout(timer);
        reject(signal.reason as Error);
      });
    });
    await this.client.write(
      "reports",
      { ...content, incidentId: id, attempt: deliveries, processes: [], cpuBefore: [] },
      { id: `report-${id}-${deliveries}`, correlationId: id },
    );
    console.log(`done with ${id}`);
  }
}

const { values } = parseArgs({
  options: {
    url: { type: "string" },
    "token-file": { type: "string" },
    work: { type: "boolean", default: false },
    busy: { type: "string", default: "1" },
  },
});
const { url, "token-file": tokenFile } = values;
if (url === undefined || tokenFile === undefined) {
  console.error(USAGE);
  process.exitCode = 2;
} else {
  await runAsProgram(async () => {
    const token = (await readFile(tokenFile, "utf8")).trim();
    return new Follower({
      id: values.work ? "remote-responder" : "operator",
      url,
      token,
      work: values.work,
      busyMs: Number(values.busy) * 1_000,
    }).launch();
  });
}
