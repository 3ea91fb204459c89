import { NO_METADATA, type ClaimedMessage, type JsonValue, type MessageDraft } from "@sssn/core";
import { describe, expect, it } from "vitest";
import { TestDatabase, until, url } from "./support/database.js";

function draft(content: JsonValue, more: Partial<MessageDraft> = {}): MessageDraft {
  return { senderId: "writer", content, metadata: NO_METADATA, ...more };
}

async function contents(log: {
  read: (request: { after: number; limit: number }) => Promise<{ messages: readonly { content: JsonValue }[] }>;
}) {
  return (await log.read({ after: 0, limit: 1_000 })).messages.map(({ content }) => content);
}

const claim = { group: "g", readerId: "worker", limit: 10, leaseMs: 60_000 };

function acknowledge({ receipt }: ClaimedMessage) {
  return { receipt, action: "acknowledge" as const };
}

describe.skipIf(url === "")("a transaction of the caller's", () => {
  it("writes messages when it commits, and none when it is rolled back", async () => {
    await using database = new TestDatabase();
    const store = database.store();
    const log = await store.open("orders");
    await database.pool.query(`CREATE TABLE "${database.schema}".account (balance integer)`);
    const refused = store.transaction(async (transaction, client) => {
      await client.query(`INSERT INTO "${database.schema}".account VALUES (1)`);
      await transaction.append("orders", [draft("never")]);
      throw new Error("changed my mind");
    });
    await expect(refused).rejects.toThrow("changed my mind");
    const ids = await store.transaction(async (transaction, client) => {
      await client.query(`INSERT INTO "${database.schema}".account VALUES (2)`);
      return transaction.append("orders", [
        draft("a", { id: "first" }),
        draft("b", { key: "k", priority: 9, delayMs: 50 }),
        draft("c", { ttlMs: 60_000 }),
      ]);
    });
    expect(ids[0]).toBe("first");
    expect(await contents(log)).toEqual(["a", "b", "c"]);
    expect((await database.pool.query(`SELECT balance FROM "${database.schema}".account`)).rows).toEqual([{ balance: 2 }]);
    expect((await log.append([draft("d")]))[0]?.sequence).toBe(4);
    expect((await log.counts()).count).toBe(4);
    const first = await log.claim(claim);
    expect(first.claims.map(({ message }) => message.content)).toEqual(["a", "c", "d"]);
    await until(async () => (await log.claim(claim)).claims[0]?.message.content === "b", "the delayed one");
  });

  it("gives messages of several transactions sequences without holes, in the order in which they commit", async () => {
    await using database = new TestDatabase();
    const store = database.store();
    const [left, right] = [await store.open("left"), await store.open("right")];
    const write = (first: string, second: string, content: number) =>
      store.transaction(async (transaction, client) => {
        await transaction.append(first, [draft(content)]);
        await client.query("SELECT pg_sleep(0.005)");
        await transaction.append(second, [draft(content)]);
      });
    await Promise.all(
      Array.from({ length: 40 }, (_, index) => (index % 2 === 0 ? write("left", "right", index) : write("right", "left", index))),
    );
    for (const log of [left, right]) {
      const { messages } = await log.read({ after: 0, limit: 100 });
      expect(messages.map(({ sequence }) => sequence)).toEqual(Array.from({ length: 40 }, (_, index) => index + 1));
      expect(new Set(messages.map(({ content }) => content)).size).toBe(40);
    }
  });

  it("leaves a repeated message out, and fails for another one of the same id", async () => {
    await using database = new TestDatabase();
    const store = database.store();
    const log = await store.open("orders");
    await log.append([draft("a", { id: "one" })]);
    await store.transaction((transaction) => transaction.append("orders", [draft("a", { id: "one" }), draft("b")]));
    expect(await contents(log)).toEqual(["a", "b"]);
    const conflicting = store.transaction((transaction) => transaction.append("orders", [draft("other", { id: "one" })]));
    await expect(conflicting).rejects.toMatchObject({ code: "message_conflict" });
    expect((await log.append([draft("c", { id: "one" })]).catch((error: unknown) => error)) as object).toMatchObject({
      code: "message_conflict",
    });
    await expect(store.transaction((transaction) => transaction.append("orders", [draft(1, { supersede: "n" })]))).rejects.toMatchObject({
      code: "invalid_argument",
    });
  });

  it("ends a job together with what its handler did, at every host", async () => {
    await using database = new TestDatabase();
    const [store, other] = [database.store(), database.store()];
    const [log, elsewhere] = [await store.open("jobs"), await other.open("jobs")];
    await log.append([draft(1), draft(2), draft(3)]);
    const { claims } = await log.claim(claim);
    const [first, second, third] = claims as [ClaimedMessage, ClaimedMessage, ClaimedMessage];
    const results = await store.transaction((transaction) =>
      transaction.settle("jobs", "g", "worker", [
        acknowledge(first),
        { receipt: second.receipt, action: "release", delayMs: 0 },
        { receipt: third.receipt, action: "dead-letter", reason: "bad" },
        { receipt: "1-00000000000000000000", action: "acknowledge" },
      ]),
    );
    expect(results.map(({ status }) => status)).toEqual(["acknowledged", "released", "dead_lettered", "unknown"]);
    expect((await elsewhere.settle("g", "worker", [acknowledge(first)]))[0]?.status).toBe("already_acknowledged");
    expect((await elsewhere.dead("g", { limit: 10 })).map(({ message }) => message.content)).toEqual([3]);
    expect((await elsewhere.claim(claim)).claims.map(({ message, deliveries }) => [message.content, deliveries])).toEqual([[2, 2]]);
  });

  it("fails as a whole when the lease has ended by the commit: whoever has the message next does the work", async () => {
    await using database = new TestDatabase();
    const [store, other] = [database.store(), database.store()];
    const [log, elsewhere] = [await store.open("jobs"), await other.open("jobs")];
    await database.pool.query(`CREATE TABLE "${database.schema}".effect (job integer)`);
    await log.append([draft(1)]);
    const attempt = async (leaseMs: number, meanwhile: (held: ClaimedMessage) => Promise<unknown>): Promise<unknown> => {
      const [held] = (await log.claim({ ...claim, leaseMs })).claims;
      if (!held) throw new Error("nothing to claim");
      return store
        .transaction(async (transaction, client) => {
          await client.query(`INSERT INTO "${database.schema}".effect VALUES (1)`);
          await transaction.settle("jobs", "g", "worker", [acknowledge(held)]);
          await meanwhile(held);
        })
        .catch((error: unknown) => error);
    };
    const lapsed = await attempt(100, () =>
      until(async () => (await elsewhere.claim({ ...claim, readerId: "other", leaseMs: 1 })).claims.length > 0, "the lapse"),
    );
    expect(lapsed).toMatchObject({ code: "lease_lost" });
    await until(async () => (await elsewhere.counts()).groups[0]?.claimed === 0, "the end of the other lease");
    const released = await attempt(60_000, (held) =>
      elsewhere.settle("g", "worker", [{ receipt: held.receipt, action: "release", delayMs: 0 }]),
    );
    expect(released).toMatchObject({ code: "lease_lost" });
    expect((await database.pool.query(`SELECT * FROM "${database.schema}".effect`)).rows).toEqual([]);
    expect(await attempt(60_000, () => Promise.resolve())).toBeUndefined();
    expect((await database.pool.query(`SELECT * FROM "${database.schema}".effect`)).rows).toEqual([{ job: 1 }]);
    expect((await elsewhere.counts()).groups[0]).toMatchObject({ ready: 0, claimed: 0 });
  });

  it("takes part in a transaction on a connection of the caller's, and refuses what is not READ COMMITTED", async () => {
    await using database = new TestDatabase();
    const store = database.store();
    const log = await store.open("orders");
    const client = await database.pool.connect();
    try {
      await client.query("BEGIN");
      await store.within(client).append("orders", [draft("a")]);
      expect(await contents(log)).toEqual([]);
      await client.query("COMMIT");
      expect(await contents(log)).toEqual(["a"]);
      await client.query("BEGIN ISOLATION LEVEL REPEATABLE READ");
      await store.within(client).append("orders", [draft("b")]);
      await expect(client.query("COMMIT")).rejects.toMatchObject({ code: "SS002" });
      expect(await contents(log)).toEqual(["a"]);
    } finally {
      client.release();
    }
  });

  it("wakes whoever listens at another host", async () => {
    await using database = new TestDatabase();
    const [store, other] = [database.store(), database.store()];
    await store.open("orders");
    const log = await other.open("orders");
    let calls = 0;
    log.onChange(() => calls++);
    await store.transaction((transaction) => transaction.append("orders", [draft("a")]));
    await until(() => calls > 0, "the wake-up");
  });
});
