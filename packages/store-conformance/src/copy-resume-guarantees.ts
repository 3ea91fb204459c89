import type { ChannelLog, MessageStore } from "@sssn/core";
import { copyStore, isPortable, type LogPart, type PortableLogs, type PortableStore } from "@sssn/core/log-state";
import { claimSome, claimed, equal, ok, refused } from "./expectations.js";
import type { Guarantee } from "./guarantee.js";
import { draft, fill, type Bench } from "./harness.js";

/** What a copy that was cut off leaves, and what it refuses. */
export const copyResumeGuarantees: readonly Guarantee[] = [
  {
    id: "store/copy-again",
    says: "recognises what is copied already, and copies what is not",
    needs: "copy",
    async prove(bench) {
      for (const id of ["one", "two"]) await fill(await bench.open(id), 3);
      const target = await bench.another();
      const first = await copyStore(bench.store, target, { channels: ["one"] });
      const second = await copyStore(bench.store, target);
      equal(
        second.channels.map(({ channelId, wasThere, messages }) => [channelId, wasThere, messages]),
        [
          ["one", true, 0],
          ["two", false, 3],
        ],
      );
      equal(second.channels[0]?.digest, first.channels[0]?.digest);
    },
  },
  {
    id: "store/copy-aborted",
    says: "shows nothing of a log whose copy was aborted, and copies it when it is told to again",
    needs: "copy",
    async prove(bench) {
      for (const id of ["one", "two"]) await fill(await bench.open(id), 3);
      const target = await bench.another();
      const controller = new AbortController();
      const aborted = copyStore(bench.store, target, {
        signal: controller.signal,
        onProgress: ({ channelId, phase }) => {
          if (channelId === "two" && phase === "copying") controller.abort(new Error("enough"));
        },
      });
      equal(await aborted.catch((error: unknown) => String(error)), "Error: enough");
      equal(await target.list(), ["one"]);
      const { channels } = await copyStore(bench.store, target);
      equal(
        channels.map(({ wasThere }) => wasThere),
        [true, false],
      );
      equal(claimed(await claimSome(await target.open("two"), "w", 5)), [1, 2, 3]);
    },
  },
  {
    id: "store/copy-killed",
    says: "shows nothing of a log whose copy was killed in its middle, after a restart as well",
    needs: "copy",
    async prove(bench) {
      const source = await bench.another();
      await fill(await source.open("orders"), 2_500);
      const parts = portableOf(source).exportLog("orders")[Symbol.asyncIterator]();
      let tell = (): void => {};
      const isStuck = new Promise<void>((resolve) => (tell = resolve));
      const stuck: AsyncIterable<LogPart> = { [Symbol.asyncIterator]: () => ({ next: () => nextBeforeEnd(parts, tell) }) };
      const importing = portableOf(bench.store).importLog("orders", stuck);
      importing.catch(() => undefined);
      await isStuck;
      equal(await bench.store.list(), []);
      if (bench.isDurable) {
        await bench.crash();
        equal(await bench.store.list(), []);
      }
      equal((await copyStore(source, bench.store)).channels[0]?.messages, 2_500);
      equal((await (await bench.open("orders")).stats()).count, 2_500);
    },
  },
  {
    id: "store/copy-cut-off",
    says: "refuses what is no whole log, and keeps nothing of it",
    needs: "copy",
    async prove(bench) {
      const log = await bench.open();
      await fill(log, 2);
      const target = await bench.another();
      await refused(() => portableOf(target).importLog("orders", without("end", bench.store)), "invalid_argument");
      await refused(() => portableOf(target).importLog("orders", without("log", bench.store)), "invalid_argument");
      equal(await target.list(), []);
      await refused(() => copyStore(bench.store, target, { channels: ["unheard-of"] }), "channel_not_found");
      equal(await target.list(), []);
    },
  },
  {
    id: "store/copy-other",
    says: "leaves a log alone that is there under the id and is no copy, and one that was used since it was copied",
    needs: "copy",
    async prove(bench) {
      await fill(await bench.open(), 2);
      const target = await bench.another();
      const other = await target.open("orders");
      await other.append([draft("mine")]);
      const { details } = await refused(() => copyStore(bench.store, target), "invalid_state");
      equal(details["channel"], "orders");
      await refused(() => portableOf(target).importLog("orders", portableOf(bench.store).exportLog("orders")), "invalid_state");
      equal((await other.stats()).count, 1);
      await target.delete("orders");
      await copyStore(bench.store, target);
      await claimSome(await target.open("orders"), "w", 1);
      await refused(() => copyStore(bench.store, target), "invalid_state");
    },
  },
  {
    id: "store/copy-used-meanwhile",
    says: "says that the source was used while it was copied, and leaves no copy then",
    needs: "copy",
    async prove(bench) {
      const uses: ((log: ChannelLog) => Promise<unknown>)[] = [
        (log) => log.append([draft("late")]),
        (log) => claimSome(log, "w", 1),
        (log) => log.moveCursor({ owner: "ann", name: "c" }, 1),
      ];
      const log = await bench.open();
      await fill(log, 2);
      const target = await bench.another();
      for (const use of uses) {
        const checking = whenChecking(bench, () => use(log));
        await refused(() => copyStore(checking, target), "invalid_state");
        equal(await target.list(), []);
      }
      await copyStore(bench.store, target);
    },
  },
];

function portableOf(store: MessageStore): PortableLogs {
  ok(isPortable(store), "the harness says that the store is portable");
  return store.portable;
}

/** Never goes on once all but the end was read: whoever reads it waits until it is killed. */
async function nextBeforeEnd(parts: AsyncIterator<LogPart>, tell: () => void): Promise<IteratorResult<LogPart>> {
  const next = await parts.next();
  if (!next.done && next.value.part !== "end") return next;
  tell();
  return new Promise(() => {});
}

async function* without(kind: LogPart["part"], from: MessageStore): AsyncGenerator<LogPart> {
  for await (const part of portableOf(from).exportLog("orders")) if (part.part !== kind) yield part;
}

/** The store of a bench, which somebody uses when a log was taken out. */
function whenChecking({ store }: Bench, use: () => Promise<unknown>): PortableStore {
  const logs = portableOf(store);
  async function* exportLog(channelId: string): AsyncGenerator<LogPart> {
    yield* logs.exportLog(channelId);
    await use();
  }
  return {
    capabilities: store.capabilities,
    open: (channelId, options) => store.open(channelId, options),
    list: () => store.list(),
    delete: (channelId) => store.delete(channelId),
    hold: (name, ttlMs) => store.hold(name, ttlMs),
    close: () => store.close(),
    [Symbol.asyncDispose]: () => store.close(),
    portable: {
      steadyNow: () => logs.steadyNow(),
      exportLog,
      importLog: (channelId, parts) => logs.importLog(channelId, parts),
      rightNumbers: () => logs.rightNumbers(),
      raiseRightNumbers: (numbers) => logs.raiseRightNumbers(numbers),
    },
  };
}
