import { setTimeout as wait } from "node:timers/promises";
import type { Random } from "../random.js";
import type { DatabaseProxy } from "./database-proxy.js";
import type { HostProcess } from "./host-process.js";
import type { OwnServer } from "./server.js";

const DAY_MS = 86_400_000;

/** One host, and what stands between it and the server. */
export interface Party {
  readonly host: HostProcess;
  readonly proxy: DatabaseProxy;
  /** A host that is stopped or killed is left alone by the others of these faults. */
  isBusy: boolean;
}

export interface Scene {
  readonly parties: readonly Party[];
  readonly server: OwnServer;
  readonly schema: string;
  readonly random: Random;
}

/** What is done to hosts, connections and the server; resolves when it is over. */
export type Fault = (scene: Scene, party: Party) => Promise<void>;

export const FAULTS: Readonly<Record<string, Fault>> = {
  "host killed": exclusively(async ({ random }, { host }) => {
    await host.kill();
    await wait(random.below(500));
    host.start(random.pick([0, DAY_MS, -DAY_MS]));
  }),
  "host stopped past its leases": exclusively(async ({ random }, { host }) => {
    host.signal("SIGSTOP");
    // Past the longest lease, and now and then past the time for which the server waits for a transaction.
    await wait(random.below(4) === 0 ? 5_500 + random.below(1_500) : 200 + random.below(2_800));
    host.signal("SIGCONT");
  }),
  "server crashed": async ({ server }) => {
    crashing = crashing.then(() => server.crash());
    await crashing;
  },
  "connections cut": async ({ random }, { proxy }) => {
    for (let times = 1 + random.below(4); times > 0; times--) {
      proxy.cut(random.below(3) === 0 ? Infinity : 1 + random.below(3));
      await wait(random.below(200));
    }
  },
  "answers cut off": async ({ random }, { proxy }) => {
    const forMs = 300 + random.below(700);
    proxy.cutAnswers(forMs);
    await wait(forMs);
  },
  "answer to a commit lost": async ({ random }, { proxy }) => {
    proxy.cutCommits(2 + random.below(6));
    await wait(1_000);
  },
  "notifications lost": async ({ random }, { proxy }) => {
    proxy.isDeaf = true;
    await wait(1_000 + random.below(3_000));
    proxy.isDeaf = false;
  },
  "connections frozen": async ({ random }, { proxy }) => {
    proxy.freeze();
    await wait(300 + random.below(1_500));
    if (random.below(2) === 0) proxy.cut();
    proxy.thaw();
  },
  "snapshot held": ({ server, schema, random }) => server.holdSnapshot(`${schema}.message`, 1 + random.below(4)),
  "wall clock of a host stepped": async ({ random }, { host }) => {
    host.stepClock(random.pick([DAY_MS, -DAY_MS, 3_600_000, -3_600_000]));
    await wait(50);
  },
};

/** One crash at a time. */
let crashing: Promise<void> = Promise.resolve();

function exclusively(fault: Fault): Fault {
  return async (scene, party) => {
    const free = party.isBusy ? scene.parties.find(({ isBusy }) => !isBusy) : party;
    if (!free) return;
    free.isBusy = true;
    try {
      await fault(scene, free);
    } finally {
      free.isBusy = false;
    }
  };
}
