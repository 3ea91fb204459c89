import { NO_METADATA, type JsonValue, type MessageDraft } from "@sssn/core";
import { describe, expect, it } from "vitest";
import { TestDatabase, until, url } from "./support/database.js";
import { Proxy } from "./support/proxy.js";

function draft(content: JsonValue, more: Partial<MessageDraft> = {}): MessageDraft {
  return { senderId: "writer", content, metadata: NO_METADATA, ...more };
}

const failure = (call: Promise<unknown>): Promise<unknown> =>
  call.then(
    () => undefined,
    (error: unknown) => error,
  );

describe.skipIf(url === "")("a store whose server fails it", () => {
  it("stores once what was committed while its answer was lost: appends, claims, settlements", async () => {
    await using database = new TestDatabase();
    const { proxy, through } = await Proxy.before(url);
    await using _proxy = proxy;
    const store = database.store({ url: through });
    const log = await store.open("orders");
    await log.append([draft(0)]);
    proxy.loseAnswerTo("COMMIT");
    expect((await log.append([draft(1)]))[0]).toMatchObject({ sequence: 2, duplicate: false });
    proxy.loseAnswerTo("COMMIT");
    const { claims } = await log.claim({ group: "g", readerId: "r", limit: 10, leaseMs: 60_000 });
    expect(claims.map(({ message, deliveries }) => [message.content, deliveries])).toEqual([
      [0, 1],
      [1, 1],
    ]);
    proxy.loseAnswerTo("COMMIT");
    const settled = await log.settle(
      "g",
      "r",
      claims.map(({ receipt }) => ({ receipt, action: "acknowledge" })),
    );
    expect(settled.map(({ status }) => status)).toEqual(["acknowledged", "acknowledged"]);
    expect(proxy.swallowed).toBe(3);
    expect((await log.read({ after: 0, limit: 10 })).messages.map(({ content }) => content)).toEqual([0, 1]);
  });

  it("does again what was never committed, when a connection is cut in the middle", async () => {
    await using database = new TestDatabase();
    const { proxy, through } = await Proxy.before(url);
    await using _proxy = proxy;
    const log = await database.store({ url: through }).open("orders");
    const cutting = setInterval(() => proxy.cut(), 170);
    try {
      for (let index = 0; index < 120; index++) await log.append([draft(index)]);
    } finally {
      clearInterval(cutting);
    }
    const { messages } = await log.read({ after: 0, limit: 1_000 });
    expect(messages.map(({ content, sequence }) => [content, sequence])).toEqual(
      Array.from({ length: 120 }, (_, index) => [index, index + 1]),
    );
  });

  it("says that it can't be reached when patience is over, and goes on by itself when it can", async () => {
    await using database = new TestDatabase();
    const { proxy, through } = await Proxy.before(url);
    await using _proxy = proxy;
    const store = database.store({ url: through, patienceMs: 200 });
    proxy.close();
    expect(await failure(store.open("orders"))).toMatchObject({ code: "store_unavailable", retryable: true });
    proxy.open();
    const log = await store.open("orders");
    await log.append([draft(1)]);
    proxy.close();
    expect(await failure(log.append([draft(2)]))).toMatchObject({ code: "store_unavailable", details: { outcome: "not_stored" } });
    expect(await failure(log.read({ after: 0, limit: 1 }))).toMatchObject({ code: "store_unavailable" });
    proxy.open();
    expect((await log.append([draft(3)]))[0]?.sequence).toBe(2);
  });

  it("waits out a short absence", async () => {
    await using database = new TestDatabase();
    const { proxy, through } = await Proxy.before(url);
    await using _proxy = proxy;
    const log = await database.store({ url: through }).open("orders");
    proxy.close();
    const writing = log.append([draft(1)]);
    setTimeout(() => proxy.open(), 200);
    expect((await writing)[0]?.sequence).toBe(1);
  });

  it("wakes followers at other hosts though the connection that listens was ended, or there is none", async () => {
    await using database = new TestDatabase();
    const [store, listening, looking] = [database.store(), database.store(), database.store({ pool: database.pool })];
    const log = await store.open("orders");
    let [heard, looked] = [0, 0];
    (await listening.open("orders")).onChange(() => heard++);
    (await looking.open("orders")).onChange(() => looked++);
    await log.append([draft(1)]);
    await until(() => heard > 0 && looked > 0, "the first wake-up");
    await database.pool.query(
      "SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE application_name = 'sssn-listen' AND query LIKE $1",
      [`%${database.schema}%`],
    );
    [heard, looked] = [0, 0];
    await log.append([draft(2)]);
    await until(() => heard > 0 && looked > 0, "the second wake-up");
  });

  it("names what a person has to mend: database, user, rights, a later release's schema", async () => {
    await using database = new TestDatabase();
    const at = (change: (address: URL) => void): string => {
      const address = new URL(url);
      change(address);
      return address.href;
    };
    const role = `${database.schema}_role`;
    await database.pool.query(`CREATE ROLE "${role}" LOGIN`);
    try {
      const wrong: readonly (readonly [address: string, message: RegExp])[] = [
        [at((address) => (address.pathname = "/no_such_database")), /no such database|does not exist/],
        [at((address) => (address.username = "no_such_user")), /role "no_such_user" does not exist|user/],
        [at((address) => (address.username = role)), /lacks a right/],
      ];
      for (const [address, message] of wrong) {
        const error = await failure(database.store({ url: address }).open("orders"));
        expect(error).toMatchObject({ code: "store_unavailable", message: expect.stringMatching(message) as string });
      }
    } finally {
      await database.pool.query(`DROP ROLE "${role}"`);
    }
    await database.store().open("orders");
    await database.pool.query(`INSERT INTO "${database.schema}".migration (version) VALUES (99)`);
    expect(await failure(database.store().open("orders"))).toMatchObject({
      code: "store_unavailable",
      details: { version: 99 },
      message: expect.stringMatching(/install the later release/) as string,
    });
  });

  it("ends at every host when the channel is deleted at one, and says that a table was dropped", async () => {
    await using database = new TestDatabase();
    const store = database.store({ patienceMs: 100 });
    const log = await store.open("orders");
    await log.append([draft(1)]);
    await database.pool.query(`ALTER TABLE "${database.schema}".journal RENAME TO journal_elsewhere`);
    expect(await failure(log.append([draft(2)]))).toMatchObject({ code: "store_unavailable" });
    await database.pool.query(`ALTER TABLE "${database.schema}".journal_elsewhere RENAME TO journal`);
    expect((await log.append([draft(3)]))[0]?.sequence).toBe(2);
  });

  it("does not wait for ever for a table that somebody has locked", async () => {
    await using database = new TestDatabase();
    const log = await database.store({ patienceMs: 100 }).open("orders");
    const client = await database.pool.connect();
    try {
      await client.query(`BEGIN; LOCK TABLE "${database.schema}".message IN ACCESS EXCLUSIVE MODE`);
      expect(await failure(log.append([draft(1)]))).toMatchObject({ code: "store_unavailable" });
      await client.query("COMMIT");
    } finally {
      client.release();
    }
    expect((await log.append([draft(2)]))[0]?.sequence).toBe(1);
  });

  it("keeps a long journal in short, which a host that joins begins with", async () => {
    await using database = new TestDatabase();
    const log = await database.store().open("orders");
    for (let round = 0; round < 40; round++) {
      await log.append(Array.from({ length: 300 }, (_, index) => draft(index)));
      const { claims } = await log.claim({ group: "g", readerId: "r", limit: 300, leaseMs: 60_000 });
      await log.settle(
        "g",
        "r",
        claims.map(({ receipt }) => ({ receipt, action: "acknowledge" })),
      );
    }
    const { rows } = await database.pool.query<{ states: string }>(`SELECT count(*) AS states FROM "${database.schema}".state`);
    expect(rows).toEqual([{ states: "1" }]);
    const joined = await database.store().open("orders");
    expect((await joined.counts()).groups[0]).toMatchObject({ ready: 0, claimed: 0, totals: { acknowledged: 12_000 } });
    expect((await joined.append([draft(1)]))[0]?.sequence).toBe(12_001);
  });
});
