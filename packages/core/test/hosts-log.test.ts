import { describe, expect, it } from "vitest";
import {
  HostsLog,
  MemoryMessageStore,
  NO_METADATA,
  PassthroughChannel,
  SSSNError,
  silentLogger,
  type ChannelLog,
  type JsonValue,
  type MessageStore,
} from "../src/index.js";
import { VirtualClock } from "../src/testing.js";

/** What becomes of the calls of a store. */
interface Fault {
  state: "works" | "fails" | "hangs";
  /** Wake-ups are lost. */
  isMute: boolean;
  /** How often the end of the log was asked for. */
  asked: number;
}

/** A store whose logs fail, hang and tell nothing, as a test says. */
function faulty(store: MemoryMessageStore, fault: Fault): MessageStore {
  const meet = async <Result>(call: () => Promise<Result>): Promise<Result> => {
    if (fault.state === "fails") throw new SSSNError("store_unavailable", "gone");
    return fault.state === "hangs" ? new Promise<Result>(() => {}) : call();
  };
  return {
    capabilities: store.capabilities,
    list: () => store.list(),
    delete: (id) => store.delete(id),
    hold: (name, ttlMs) => store.hold(name, ttlMs),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
    open: (id, options) =>
      meet(async () => {
        const log = await store.open(id, options);
        const changed: Partial<ChannelLog> = {
          bounds: () => (fault.asked++, meet(() => log.bounds())),
          onChange: (listener) => (fault.isMute ? () => {} : log.onChange(listener)),
        };
        return new Proxy(log, {
          get: (target, name) => {
            const found: unknown = Reflect.get(changed, name) ?? Reflect.get(target, name);
            return typeof found === "function" ? (found.bind(target) as unknown) : found;
          },
        });
      }),
  };
}

function setting(fault: Partial<Fault> = {}) {
  const clock = new VirtualClock(undefined, { io: false });
  const store = new MemoryMessageStore({ clock });
  const faults: Fault = { state: "works", isMute: false, asked: 0, ...fault };
  const seen: JsonValue[] = [];
  const hostsLog = (parts: { onNews?: () => void; onStart?: () => void } = {}): HostsLog =>
    new HostsLog({ store: faulty(store, faults), id: "list", clock, apply: ({ content }) => void seen.push(content), ...parts });
  const write = async (...contents: readonly JsonValue[]): Promise<void> => {
    const log = await store.open("list", { addressed: true });
    await log.append(contents.map((content) => ({ senderId: "s", content, metadata: NO_METADATA })));
  };
  return { clock, store, faults, seen, hostsLog, write };
}

describe("a log that hosts share", () => {
  it("tells each message once and in order, however many ask at once, and over many pages", async () => {
    const { seen, hostsLog, write } = setting();
    const numbers = Array.from({ length: 2_500 }, (_, index) => index);
    await write(...numbers);
    const log = hostsLog();
    expect(await Promise.all(Array.from({ length: 5 }, () => log.refresh()))).toEqual([true, true, true, true, true]);
    expect(seen).toEqual(numbers);
  });

  it("is read on as soon as the store has told of something, and asks nothing while nobody asks", async () => {
    const { clock, seen, faults, hostsLog, write } = setting();
    const log = hostsLog();
    await log.refresh();
    await log.refresh();
    expect(faults.asked).toBe(1);
    await clock.advance(3_600_000);
    expect(faults.asked).toBe(1);
    await log.refresh();
    await write("new");
    expect(await log.refresh()).toBe(true);
    expect([seen, faults.asked]).toEqual([["new"], 3]);
  });

  it("is read on a second later where the store has told nothing, or at once where somebody wants to be certain", async () => {
    const { clock, seen, hostsLog, write } = setting({ isMute: true });
    const log = hostsLog();
    await log.refresh();
    await write("unheard of");
    await clock.advance(999);
    await log.refresh();
    expect(seen).toEqual([]);
    await clock.advance(1);
    await log.refresh();
    expect(seen).toEqual(["unheard of"]);
    await write("again");
    expect(await log.refresh({ anew: true })).toBe(true);
    expect(seen).toEqual(["unheard of", "again"]);
  });

  it("is read from its start when it was set back, however far it has grown since", async () => {
    const { store, seen, hostsLog, write } = setting();
    await write("a", "b", "c");
    let starts = 0;
    const log = hostsLog({ onStart: () => starts++ });
    await log.refresh();
    store.rewind("list", 1);
    await write("d", "e", "f");
    expect([await log.refresh(), starts, seen]).toEqual([true, 2, ["a", "b", "c", "a", "d", "e", "f"]]);
  });

  it("says that it is not current while the store fails, leaves it alone for a second, and reads on then", async () => {
    const { clock, seen, faults, hostsLog, write } = setting();
    await write("first");
    const log = hostsLog();
    faults.state = "fails";
    expect([await log.refresh(), log.ageMs]).toEqual([false, Infinity]);
    expect(log.failure).toMatchObject({ code: "store_unavailable" });
    faults.state = "works";
    expect([await log.refresh(), seen]).toEqual([false, []]);
    await clock.advance(1_000);
    expect([await log.refresh(), seen, log.failure]).toEqual([true, ["first"], undefined]);
    faults.state = "fails";
    await clock.advance(5_000);
    expect([await log.refresh(), log.ageMs]).toEqual([false, 5_000]);
  });

  it("makes nobody wait for more than a second while the store does not answer, and asks it anew after ten", async () => {
    const { clock, seen, faults, hostsLog, write } = setting();
    const log = hostsLog();
    await log.refresh();
    await write("unread");
    faults.state = "hangs";
    const answers: [boolean, number][] = [];
    const begun = clock.monotonic();
    const ask = (): void => void log.refresh().then((isCurrent) => answers.push([isCurrent, clock.monotonic() - begun]));
    ask();
    await clock.advance(5_000);
    ask();
    await clock.advance(0);
    expect(answers).toEqual([
      [false, 1_000],
      [false, 5_000],
    ]);
    faults.state = "works";
    ask();
    await clock.advance(5_000);
    expect(seen).toEqual([]);
    ask();
    await clock.advance(0);
    expect([seen, answers.at(-1)]).toEqual([["unread"], [true, 10_000]]);
  });

  it("is told from its start when another log has come in its place", async () => {
    const { clock, store, seen, hostsLog, write } = setting();
    await write("old 1", "old 2");
    const log = hostsLog({ onStart: () => void seen.push("from its start:") });
    await log.refresh();
    await store.delete("list");
    await write("new");
    expect(await log.refresh()).toBe(false);
    await clock.advance(1_000);
    expect(await log.refresh()).toBe(true);
    expect(seen).toEqual(["from its start:", "old 1", "old 2", "from its start:", "new"]);
    await store.delete("list");
    await log.append([{ senderId: "s", content: "written", metadata: NO_METADATA }]);
    expect(await log.refresh()).toBe(true);
    expect(seen).toEqual(["from its start:", "old 1", "old 2", "from its start:", "new", "from its start:", "written"]);
  });

  it("can't be opened as a channel, which might be published", async () => {
    const { store, hostsLog } = setting();
    await hostsLog().refresh();
    const channel = new PassthroughChannel({ id: "list", store, logger: silentLogger });
    await expect(channel.start()).rejects.toMatchObject({ code: "invalid_state" });
    await channel.drain();
  });

  it("is cleaned up by one host at a time", async () => {
    const { store, hostsLog, write } = setting();
    await write("one");
    const log = hostsLog();
    const [receipt] = await log.append([{ senderId: "s", content: "two", metadata: NO_METADATA }]);
    const id = receipt?.id ?? "";
    const other = await store.hold("clean-up:list", 1_000);
    expect([await log.remove([id]), await log.get(id)]).toEqual([false, expect.objectContaining({ content: "two" })]);
    await other?.release();
    expect([await log.remove([id]), await log.get(id)]).toEqual([true, undefined]);
    expect(await store.hold("clean-up:list", 1_000)).toBeDefined();
  });

  it("tells of news until it is closed, and leaves no timer behind", async () => {
    const { clock, hostsLog, write } = setting();
    let told = 0;
    const log = hostsLog({ onNews: () => void told++ });
    await log.refresh();
    await write("a");
    expect(told).toBe(1);
    log.close();
    await write("b");
    expect([told, clock.pendingTimers]).toEqual([1, 0]);
  });
});
