import fc from "fast-check";
import { BaseSystem, MemoryMessageStore, PassthroughChannel, silentLogger, topologyWithin, type Topology } from "@sssn/core";
import { expect, it } from "vitest";
import { HttpHost, HttpTransport } from "../../src/index.js";

const logger = silentLogger;
const IDS = ["a", "b", "c"];
const RUNS = Number(process.env["SSSN_DIFFERENTIAL_RUNS"] ?? 25);

const step = fc.record({
  what: fc.constantFrom("start", "remove", "pause", "resume", "pause and resume", "connect", "disconnect", "nothing"),
  id: fc.constantFrom(...IDS),
  visibility: fc.constantFrom("public" as const, "private" as const),
  system: fc.constantFrom("root", "child", "grandchild"),
});
type Step = typeof step extends fc.Arbitrary<infer Value> ? Value : never;

/** Whether it could be done does not matter: it is compared what has come of it. */
async function perform(systems: ReadonlyMap<string, BaseSystem>, { what, id, visibility, system: name }: Step): Promise<void> {
  const system = systems.get(name);
  if (!system) throw new Error(`there is no system ${name}`);
  const channel = (): PassthroughChannel => new PassthroughChannel({ id, store: new MemoryMessageStore(), logger, visibility });
  try {
    if (what === "start") await system.startChannel(channel());
    if (what === "remove") await system.removeChannel(id);
    if (what.startsWith("pause")) system.pause();
    if (what.endsWith("resume")) system.resume();
    if (what === "connect") system.client.connect(channel());
    if (what === "disconnect") system.client.disconnect(id);
  } catch (error) {
    if (!(error instanceof Error)) throw error;
  }
}

function publicPart({ revision: _revision, since: _since, ...parts }: Topology): unknown {
  return topologyWithin(parts, new Set(parts.channels.flatMap(({ id, visibility }) => (visibility === "public" ? [id] : []))));
}

it(
  "a remote topology is the public part of the local one after any changes, and its revision grows with the changes of that and with no others",
  () =>
    fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 5, maxLength: 25, size: "max" }), async (steps) => {
        const systems = new Map(["root", "child", "grandchild"].map((id) => [id, new BaseSystem({ id, logger })]));
        const [root, child, grandchild] = [...systems.values()] as [BaseSystem, BaseSystem, BaseSystem];
        root.addChannel(new PassthroughChannel({ id: "always", store: new MemoryMessageStore(), logger, visibility: "public" }));
        root.addSubsystem(child).addSubsystem(grandchild);
        await using running = await root.publish({ transport: new HttpTransport({ port: 0, logger, lameDuckMs: 0 }) });
        const remote = new HttpHost({ url: running.addresses[0] ?? "", token: "observer" });
        let before = await remote.topology();
        for (const said of steps) {
          await perform(systems, said);
          const now = await remote.topology();
          const [told, was] = [publicPart(now), publicPart(before)];
          expect(told).toEqual(publicPart(root.topology()));
          const isChanged = JSON.stringify(told) !== JSON.stringify(was);
          expect([said.what, now.revision > before.revision]).toEqual([said.what, isChanged]);
          before = now;
        }
      }),
      { numRuns: RUNS, endOnFailure: true },
    ),
  30_000 + RUNS * 500,
);
