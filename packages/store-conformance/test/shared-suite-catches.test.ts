import { MemoryMessageStore, type ChannelLog, type MessageStore } from "@sssn/core";
import { describe, expect, it } from "vitest";
import { Bench, type StoreHarness } from "../src/harness.js";
import { sharedGuarantees } from "../src/shared-guarantees.js";

type Change = (log: ChannelLog) => Partial<ChannelLog>;

/** A host that is right but for one thing. */
function brokenHost(store: MessageStore, change: Change): MessageStore {
  return new Proxy(store, {
    get(target, name) {
      if (name === "open")
        return async (...given: Parameters<MessageStore["open"]>) => {
          const log = await target.open(...given);
          const changed = change(log);
          return new Proxy(log, {
            get: (whole, member) => {
              const own: unknown = Reflect.get(member in changed ? changed : whole, member);
              return typeof own === "function" ? (own.bind(member in changed ? changed : whole) as unknown) : own;
            },
          });
        };
      const member: unknown = Reflect.get(target, name, target);
      return typeof member === "function" ? (member.bind(target) as unknown) : member;
    },
  });
}

const capabilities = new MemoryMessageStore().capabilities;

/** The guarantees that do not hold where every host but the first is broken in a way. */
async function broken(join: NonNullable<StoreHarness["join"]>): Promise<string[]> {
  const harness: StoreHarness = { capabilities, create: (clock) => Promise.resolve(new MemoryMessageStore({ clock })), join };
  const failed: string[] = [];
  for (const { id, prove } of sharedGuarantees) {
    const bench = await Bench.create(harness);
    await prove(bench).catch(() => failed.push(id));
    await bench[Symbol.asyncDispose]();
  }
  return failed;
}

const joining = (change: Change) =>
  broken((open, clock) => Promise.resolve(brokenHost(new MemoryMessageStore({ clock, beside: open as MemoryMessageStore }), change)));

const MUTANTS: readonly (readonly [string, Change, string])[] = [
  [
    "shows a message before those that were numbered earlier and are not stored yet",
    (log) => ({ read: async (request) => { const page = await log.read(request); return { ...page, messages: page.messages.filter(({ sequence }) => sequence % 5 !== 0) }; } }), // prettier-ignore
    "store/shared-readers",
  ],
  ["reads from a copy that lags behind", (log) => ({ bounds: async () => ({ ...(await log.bounds()), last: 0 }) }), "store/shared-if-last"],
  [
    "stores an id without looking whether it is there",
    (log) => ({ append: (drafts) => log.append(drafts.map(({ id: _id, ...draft }) => draft)) }),
    "store/shared-ids",
  ],
  ["does not look where the log ends", (log) => ({ append: (drafts) => log.append(drafts) }), "store/shared-if-last"],
  [
    "hands out without the others' knowledge",
    (log) => ({ claim: (request) => log.claim({ ...request, group: `own-${request.group}` }) }),
    "store/shared-claims",
  ],
  [
    "settles without looking who holds the claim",
    (log) => ({ settle: async (group, readerId, settlements) => (await log.settle(group, readerId, settlements)).map(({ receipt }) => ({ receipt, status: "acknowledged" as const })) }), // prettier-ignore
    "store/shared-settling",
  ],
  [
    "remembers only its own acknowledgements",
    (log) => ({ settle: async (group, readerId, settlements) => (await log.settle(group, readerId, settlements)).map((result) => (result.status === "already_acknowledged" ? { ...result, status: "unknown" as const } : result)) }), // prettier-ignore
    "store/shared-settling",
  ],
  [
    "does not extend what another host has handed out",
    (log) => ({
      settle: (group, readerId, settlements) =>
        log.settle(
          group,
          readerId,
          settlements.filter(({ action }) => action !== "extend"),
        ),
    }),
    "store/shared-lease",
  ],
  ["hears only of what it does itself", () => ({ onChange: () => () => {} }), "store/shared-wake-ups"],
  ["does not see the others' order of keys", (log) => ({ append: (drafts, options) => log.append(drafts.map(({ key: _key, ...draft }) => draft), options) }), "store/shared-order"], // prettier-ignore
  ["bounds only itself", () => ({ setRegime: () => Promise.resolve() }), "store/shared-regime"],
  ["has cursors of its own", () => ({ cursor: () => Promise.resolve(undefined) }), "store/shared-state"],
  ["sees no dead letters of others", () => ({ dead: () => Promise.resolve([]) }), "store/shared-state"],
  ["takes no claim away", (log) => ({ settle: async (group, readerId, settlements) => (await log.settle(group, readerId, settlements)).map((result) => (["lost", "cancelled"].includes(result.status) ? { ...result, status: "acknowledged" as const } : result)) }), "store/shared-removal"], // prettier-ignore
];

describe("the suite of shared guarantees", () => {
  it.each(MUTANTS)("catches a host that %s", async (_what, change, id) => {
    expect(await joining(change)).toContain(id);
  });

  it("catches a host that shares nothing, by all but what it can't know", async () => {
    const alone = await broken((_open, clock) => Promise.resolve(new MemoryMessageStore({ clock })));
    expect(sharedGuarantees.map(({ id }) => id).filter((id) => !alone.includes(id))).toEqual([]);
  });

  it("catches a host whose end is the end of all", async () => {
    const failed = await broken((open, clock) => {
      const store = new MemoryMessageStore({ clock, beside: open as MemoryMessageStore });
      const close = store.close.bind(store);
      store.close = async () => {
        await close();
        await open.close();
      };
      return Promise.resolve(store);
    });
    expect(failed).toContain("store/shared-end");
  });

  it("finds nothing wrong with a host that only passes everything on", async () => {
    expect(await joining(() => ({}))).toEqual([]);
  });
});
