import { describe, expect, it } from "vitest";
import {
  BaseSystem,
  MemoryMessageStore,
  PassthroughChannel,
  silentLogger,
  type ChannelInfo,
  type TopologyRevision,
  type TopologySource,
} from "../src/index.js";

const logger = silentLogger;
const store = new MemoryMessageStore();
let made = 0;
let looks = 0;

class SeenChannel extends PassthroughChannel {
  override describe(): ChannelInfo {
    looks++;
    return super.describe();
  }
}

function channel(visibility: "public" | "private"): SeenChannel {
  return new SeenChannel({ id: `c${made++}`, store, logger, visibility });
}

const stepEnds = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

/** Publishes to nowhere. */
async function publish(system: BaseSystem): Promise<TopologySource> {
  let shown: TopologySource | undefined;
  const transport = { name: "t", attach: () => {}, detach: () => {}, start: () => Promise.resolve([]), stop: () => Promise.resolve() };
  await system.publish({ transport: { ...transport, showTopology: (source: TopologySource) => (shown = source) } });
  if (!shown) throw new Error("nothing was shown");
  return shown;
}

describe("what a change of a topology costs", () => {
  it.each(["public", "private"] as const)("does not grow with the number of %s channels", async (visibility) => {
    const looksPerChannel = async (count: number): Promise<number> => {
      const system = new BaseSystem({ id: "s", logger });
      for (let index = 0; index < count; index++) system.addChannel(channel(visibility));
      await stepEnds();
      looks = 0;
      await publish(system);
      await system.drain();
      return looks / count;
    };
    const few = await looksPerChannel(10);
    expect(await looksPerChannel(100)).toBeLessThanOrEqual(few);
  });
});

describe("what is told of a topology, part by part", () => {
  it("is not confused by a channel that is refused because another system has one of its id", async () => {
    const root = new BaseSystem({ id: "root", logger });
    const child = root.addSubsystem(new BaseSystem({ id: "child", logger }));
    const own = root.addChannel(channel("public"));
    const shown = await publish(root);
    await stepEnds();
    const before = shown.current;
    const twin = new SeenChannel({ id: own.id, store: new MemoryMessageStore(), logger });
    await expect(child.startChannel(twin)).rejects.toMatchObject({ code: "duplicate_id" });
    await stepEnds();
    const told: number[] = [];
    root.events.on("topology", ({ revision }) => told.push(revision));
    expect(root.topology().channels.map(({ id, owner }) => [id, owner])).toEqual([[own.id, "root"]]);
    expect([told, shown.current]).toEqual([[], before]);
    await root.drain();
  });

  it("is what a look at the whole finds: whatever happens, a look after the step finds nothing that was not told", async () => {
    const systems = ["root", "left", "right", "leaf"].map((id) => new BaseSystem({ id, logger }));
    const [root, left, right, leaf] = systems as [BaseSystem, BaseSystem, BaseSystem, BaseSystem];
    root.addSubsystem(left);
    await stepEnds();
    right.addChannel(channel("public"));
    right.addSubsystem(leaf);
    root.addSubsystem(right);
    const shown = await publish(root);
    // The views of the whole tree, of a part of it, and of what is public.
    const views = [root, right].map((system) => ({
      listen: (listener: (revision: TopologyRevision) => void) => system.events.on("topology", listener),
      look: () => system.topology().revision,
    }));
    const ofOpen: (typeof views)[number] = {
      listen: (listener) => shown.events.on("topology", listener),
      look: () => shown.current.revision,
    };
    const all = [...views, ofOpen];
    await stepEnds();
    const told = all.map(({ look }) => look());
    for (const [index, { listen }] of all.entries()) listen(({ revision }) => (told[index] = revision));

    let seed = 1;
    const below = (end: number): number => (seed = (seed * 48_271) % 2_147_483_647) % end;
    const one = <T>(list: readonly T[]): T | undefined => list[below(list.length)];
    const steps: Record<string, () => unknown> = {
      start: () => one(systems)?.startChannel(channel(one(["public", "private"] as const) ?? "private")),
      remove: () => {
        const owner = one(systems);
        const owned = one(owner?.channels ?? []);
        return owned && owner?.removeChannel(owned.id);
      },
      stop: () => one(one(systems)?.channels ?? [])?.stop(),
      connect: () => {
        const { client } = one(systems) ?? root;
        const found = one(systems.flatMap(({ channels }) => channels));
        if (found && !client.has(found.id)) client.connect(found);
      },
      disconnect: () => {
        const { client, channels } = one(systems) ?? root;
        const wired = one(client.channelIds.filter((id) => !channels.some((owned) => owned.id === id)));
        if (wired) client.disconnect(wired);
      },
      endpoint: () => one(one(systems)?.channels ?? [])?.addEndpoint({ transport: "t", url: `t://${below(3)}` }),
      "no endpoint": () => {
        const found = one(one(systems)?.channels ?? []);
        for (const endpoint of found?.describe().endpoints ?? []) found?.removeEndpoint(endpoint);
      },
      pause: () => one(systems)?.pause(),
      resume: () => one(systems)?.resume(),
    };
    const found: string[] = [];
    for (let round = 0; round < 600; round++) {
      const step = one(Object.keys(steps)) ?? "";
      await steps[step]?.();
      await stepEnds();
      const before = [...told];
      const now = all.map(({ look }) => look());
      if (String(now) !== String(before)) found.push(`${round} ${step}: told ${String(before)}, found ${String(now)}`);
    }
    await root.drain();
    expect(found).toEqual([]);
    expect(told.every((revision) => revision > 20)).toBe(true);
  });
});
