import { MemoryMessageStore, NO_METADATA, SSSNError, isSSSNError, type ChannelLog, type ChannelMessage, type JsonValue } from "@sssn/core";
import { VirtualClock } from "@sssn/core/testing";
import { describe, expect, it } from "vitest";
import { HttpTransport } from "../src/index.js";
import { SharedTickets, type TicketOptions } from "../src/server/shared-tickets.js";
import { TicketBoard, type TicketEntry } from "../src/server/ticket-board.js";
import { newTicketText, openTicket, partsOfTicket, sealTicket, type TicketParts } from "../src/server/ticket-seal.js";

const TOKEN = "header.payload.signature";

/** A way to the store that can be cut off. */
class CutOff extends MemoryMessageStore {
  isGone = false;
  hangs = false;

  override async open(...input: Parameters<MemoryMessageStore["open"]>): Promise<ChannelLog> {
    const log = await super.open(...input);
    const meet = async <Result>(call: () => Promise<Result>): Promise<Result> => {
      if (this.isGone) throw new SSSNError("store_unavailable", "gone");
      return this.hangs ? new Promise<Result>(() => {}) : call();
    };
    const faulty: Partial<ChannelLog> = {
      append: (...parts) => meet(() => log.append(...parts)),
      read: (...parts) => meet(() => log.read(...parts)),
      get: (...parts) => meet(() => log.get(...parts)),
      bounds: () => meet(() => log.bounds()),
      remove: (...parts) => meet(() => log.remove(...parts)),
    };
    return new Proxy(log, {
      get: (target, name: keyof ChannelLog) => {
        const found = faulty[name] ?? target[name];
        return typeof found === "function" ? (found.bind(target) as unknown) : found;
      },
    });
  }
}

/** Hosts over one memory. */
async function setting() {
  const clock = new VirtualClock(undefined, { io: false });
  const memory = new MemoryMessageStore({ clock });
  const log = await memory.open("sssn.tickets", { addressed: true });
  const host = (store = new MemoryMessageStore({ clock, beside: memory })): SharedTickets => {
    const tickets = new SharedTickets({ store }, clock);
    tickets.start();
    return tickets;
  };
  const ticketOf = async (tickets: SharedTickets): Promise<string> => (await tickets.issue("c", TOKEN)).ticket;
  const messages = async (): Promise<readonly ChannelMessage[]> => (await log.read({ after: 0, limit: 100_000 })).messages;
  return { clock, memory, log, host, ticketOf, messages };
}

const use = (tickets: SharedTickets, ticket: string, channel = "c"): Promise<string> =>
  tickets.credentialOf(ticket, channel).catch((thrown: unknown) => (isSSSNError(thrown) ? thrown.code : "no error of ours"));

function partsOf(ticket: string): TicketParts {
  const parts = partsOfTicket(ticket);
  if (!parts) throw new Error("no ticket");
  return parts;
}

describe("tickets that hosts share", () => {
  it("are good for 30 seconds after they were got, and after each connection at any host", async () => {
    const { clock, host, ticketOf } = await setting();
    const [here, there] = [host(), host()];
    const ticket = await ticketOf(here);
    await clock.advance(29_999);
    for (const [holder, other] of [
      [there, here],
      [here, there],
    ] as const) {
      expect([await use(here, ticket), await use(there, ticket)]).toEqual([TOKEN, TOKEN]);
      const turn = await holder.turnOf(ticket);
      await clock.advance(3_600_000);
      expect([await use(here, ticket), await use(there, ticket)]).toEqual([TOKEN, TOKEN]);
      turn.release();
      await clock.advance(29_999);
      expect(await use(other, ticket)).toBe(TOKEN);
    }
    await clock.advance(1);
    expect([await use(here, ticket), await use(there, ticket)]).toEqual(["token_invalid", "token_invalid"]);
    await Promise.all([here.stop(1_000), there.stop(1_000)]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("wait for 30 seconds after a host that has them stops, and for 30 after the last sign of life of one that is gone without a word", async () => {
    const { clock, memory, host, ticketOf } = await setting();
    const store = new MemoryMessageStore({ clock, beside: memory });
    const [here, there, dying] = [host(), host(), host(store)];
    const [orderly, left] = [await ticketOf(there), await ticketOf(there)];
    await here.turnOf(orderly);
    const turn = await dying.turnOf(left);
    // Both say that they are there at 1 s, 6 s, and so on.
    await clock.advance(10_500);
    await here.stop(1_000);
    await store.close();
    turn.release();
    await clock.advance(25_499);
    expect([await use(there, orderly), await use(there, left)]).toEqual([TOKEN, TOKEN]);
    await clock.advance(1);
    expect([await use(there, orderly), await use(there, left)]).toEqual([TOKEN, "token_invalid"]);
    await clock.advance(4_499);
    expect(await use(there, orderly)).toBe(TOKEN);
    await clock.advance(1);
    expect(await use(there, orderly)).toBe("token_invalid");
    await Promise.all([there.stop(1_000), dying.stop(1_000)]);
    expect(clock.pendingTimers).toBe(0);
  });

  it("are the last connection's that took them: an older one ends, and its end, told late, is nobody's", async () => {
    const { clock, log, host, ticketOf, messages } = await setting();
    const [here, there] = [host(), host()];
    const ticket = await ticketOf(here);
    const older = await here.turnOf(ticket);
    const [, taken] = await messages();
    const newer = await there.turnOf(ticket);
    await clock.advance(0);
    expect([older.signal?.aborted, newer.signal?.aborted]).toEqual([true, false]);
    const { connection } = taken?.content as { connection: string };
    const late: TicketEntry = { type: "ended", ticket: partsOf(ticket).id, connection };
    await log.append([{ senderId: taken?.senderId ?? "", content: late, metadata: NO_METADATA }]);
    await clock.advance(60_000);
    expect([await use(here, ticket), newer.signal?.aborted]).toEqual([TOKEN, false]);
    // What is left is the ticket, who has it, and that its host is there.
    expect((await messages()).map(({ content }) => (content as { type: string }).type).filter((type) => type !== "alive")).toEqual([
      "issued",
      "taken",
    ]);
    newer.release();
    const next = await here.turnOf(ticket);
    await clock.advance(60_000);
    expect((await messages()).filter(({ content }) => (content as { type: string }).type !== "alive")).toHaveLength(2);
    next.release();
    await Promise.all([here.stop(1_000), there.stop(1_000)]);
  });

  it("are given back later by a host that can't say so at once", async () => {
    const { clock, memory, host, ticketOf } = await setting();
    const store = new CutOff({ clock, beside: memory });
    const [here, there] = [host(store), host()];
    const ticket = await ticketOf(here);
    const turn = await here.turnOf(ticket);
    store.isGone = true;
    turn.release();
    await clock.advance(20_000);
    store.isGone = false;
    const other = await here.turnOf(await ticketOf(here));
    await clock.advance(29_000);
    expect(await use(there, ticket)).toBe(TOKEN);
    await clock.advance(2_000);
    // Its host is still there and says so, for the other connection.
    expect(await use(there, ticket)).toBe("token_invalid");
    other.release();
    await Promise.all([here.stop(1_000), there.stop(1_000)]);
  });

  it("hold up no request for longer than some seconds while the store does not answer", async () => {
    const { clock, memory, host, ticketOf } = await setting();
    const store = new CutOff({ clock, beside: memory });
    const tickets = host(store);
    const ticket = await ticketOf(tickets);
    await tickets.turnOf(ticket);
    store.hangs = true;
    const codes: string[] = [];
    const note = (thrown: unknown): void => void codes.push(isSSSNError(thrown) ? thrown.code : "no error of ours");
    void tickets.issue("c", TOKEN).catch(note);
    void tickets.turnOf(ticket).catch(note);
    void use(tickets, ticket).then((code) => codes.push(code));
    await clock.advance(5_000);
    expect(codes).toEqual(["store_unavailable", "store_unavailable", "store_unavailable"]);
    let hasStopped = false;
    void tickets.stop(100).then(() => (hasStopped = true));
    await clock.advance(100);
    expect(hasStopped).toBe(true);
  });

  it("write a message for each connection that begins or ends and one in five seconds for a host that has any, and leave nothing", async () => {
    const { clock, log, host, ticketOf } = await setting();
    const [here, there] = [host(), host()];
    const turns = [];
    for (let count = 0; count < 100; count++) turns.push(await here.turnOf(await ticketOf(there)));
    expect((await log.bounds()).last).toBe(200);
    await clock.advance(3_600_000);
    const { last } = await log.bounds();
    expect(last - 200).toBe(720);
    // What is said anew is removed twice a minute.
    expect((await log.stats()).count).toBeLessThanOrEqual(200 + 7);
    for (const turn of turns) turn.release();
    await clock.advance(200_000);
    expect([(await log.bounds()).last - last, (await log.stats()).count]).toEqual([100, 0]);
    await clock.advance(3_600_000);
    expect((await log.bounds()).last - last).toBe(100);
    await Promise.all([here.stop(1_000), there.stop(1_000)]);
  });

  it("are bounded: a flood takes away those that wait longest, no connection's ticket, and does not fill the log", async () => {
    const { clock, log, host, ticketOf } = await setting();
    const tickets = host();
    const held = await ticketOf(tickets);
    await tickets.turnOf(held);
    const first = await ticketOf(tickets);
    const last: string[] = [];
    for (let count = 0; count < 12_000; count++) last[count % 10] = await ticketOf(tickets);
    expect((await log.stats()).count).toBeLessThan(11_100);
    expect([await use(tickets, held), await use(tickets, first)]).toEqual([TOKEN, "token_invalid"]);
    for (const ticket of last) expect(await use(tickets, ticket)).toBe(TOKEN);
    await clock.advance(120_000);
    expect((await log.stats()).count).toBeLessThanOrEqual(10);
    await tickets.stop(1_000);
  });

  it("are none that nobody got, whoever asks and however it is spelt, and the store is not asked for what can be none", async () => {
    const { memory, host, ticketOf } = await setting();
    const tickets = host();
    const ticket = await ticketOf(tickets);
    expect([await use(tickets, newTicketText()), await use(tickets, ticket, "other")]).toEqual(["token_invalid", "token_invalid"]);
    expect(await use(tickets, partsOf(ticket).id)).toBe("token_invalid");
    await memory.close();
    for (const text of ["", "x", ticket.toUpperCase(), `${ticket}00`, `${ticket} `, ticket.slice(1), "é".repeat(48)])
      expect([text, await use(tickets, text)]).toEqual([text, "token_invalid"]);
    await tickets.stop(1_000);
  });

  it("pass over what others have put into their log, and are refused where what was sealed is changed or another ticket's", async () => {
    const { clock, log, host, ticketOf, messages } = await setting();
    const tickets = host();
    const good = await ticketOf(tickets);
    const sealedOfGood = ((await messages())[0]?.content as { sealed: string }).sealed;
    const [copied, changed, empty, plain] = Array.from({ length: 4 }, newTicketText) as [string, string, string, string];
    const write = async (content: JsonValue, id?: string): Promise<unknown> =>
      log.append([{ ...(id === undefined ? {} : { id }), senderId: "attacker", content, metadata: NO_METADATA }]);
    const flipped = Buffer.from(sealTicket(partsOf(changed), { channelId: "c", credential: TOKEN }), "base64url");
    flipped[3] = (flipped[3] ?? 0) ^ 1;
    await write({ type: "issued", sealed: sealedOfGood }, partsOf(copied).id);
    await write({ type: "issued", sealed: flipped.toString("base64url") }, partsOf(changed).id);
    await write({ type: "issued", sealed: "" }, partsOf(empty).id);
    await write({ type: "issued", sealed: Buffer.from(JSON.stringify(["c", TOKEN])).toString("base64url") }, partsOf(plain).id);
    const { id } = partsOf(good);
    const garbage: JsonValue[] = [
      null,
      7,
      "issued",
      [],
      {},
      { type: 7 },
      { type: "issued" },
      { type: "issued", sealed: {} },
      { type: "taken" },
      { type: "taken", ticket: 7, connection: [] },
      { type: "taken", ticket: "unknown", connection: "x" },
      { type: "ended", ticket: "unknown", connection: "x" },
      { type: "ended", ticket: id, connection: "unknown" },
      { type: "__proto__", ticket: id, connection: "constructor" },
    ];
    for (const content of garbage) await write(content);
    for (const ticket of [copied, changed, empty, plain]) expect(await use(tickets, ticket)).toBe("token_invalid");
    expect(await use(tickets, good)).toBe(TOKEN);
    const turn = await tickets.turnOf(good);
    expect(turn.signal?.aborted).toBe(false);
    await clock.advance(60_000);
    expect(await use(tickets, good)).toBe(TOKEN);
    await tickets.stop(1_000);
  });

  it("are forgotten with their log", async () => {
    const { clock, memory, host, ticketOf } = await setting();
    const tickets = host();
    const [before, other] = [await ticketOf(tickets), await ticketOf(tickets)];
    await tickets.turnOf(other);
    await memory.delete("sssn.tickets");
    await clock.advance(1_000);
    const after = await ticketOf(tickets);
    expect([await use(tickets, before), await use(tickets, after)]).toEqual(["token_invalid", TOKEN]);
    await tickets.stop(1_000);
  });

  it("are refused with options that do not exist", () => {
    const make = (tickets: object) => () => new HttpTransport({ port: 0, tickets: tickets as TicketOptions });
    const store = new MemoryMessageStore();
    expect(make({})).toThrowError(expect.objectContaining({ code: "invalid_argument" }));
    expect(make({ store, lifeMs: 1 })).toThrowError(expect.objectContaining({ code: "invalid_argument" }));
    expect(make({ store, log: "a b" })).toThrowError(expect.objectContaining({ code: "invalid_identifier" }));
  });
});

describe("a sealed ticket", () => {
  it("is opened by its own text only", () => {
    const [mine, other] = [partsOf(newTicketText()), partsOf(newTicketText())];
    const content = { channelId: "c", credential: "ü".repeat(10_000) };
    const sealed = sealTicket(mine, content);
    expect(openTicket(mine, sealed)).toEqual(content);
    expect(openTicket(other, sealed)).toBeUndefined();
    expect(openTicket({ ...mine, id: other.id }, sealed)).toBeUndefined();
    for (const text of ["", "AAAA", sealed.slice(1), sealed.slice(0, -4), `${sealed}AAAA`]) expect(openTicket(mine, text)).toBeUndefined();
  });
});

describe("what hosts know of tickets", () => {
  /** Numbers that look random and are the same each time. */
  function numbers(seed: number): (below: number) => number {
    let state = seed;
    return (below) => {
      state = (Math.imul(state, 1_664_525) + 1_013_904_223) >>> 0;
      return Math.floor((state / 2 ** 32) * below);
    };
  }

  it("is the same for one that has read all and one that has come when what was useless was removed, at whatever moment", async () => {
    for (let seed = 1; seed <= 100; seed++) {
      const random = numbers(seed);
      const clock = new VirtualClock(undefined, { io: false });
      const log: ChannelLog = await new MemoryMessageStore({ clock }).open("log");
      const all = new TicketBoard(() => {});
      const connections: { host: string; ticket: string; connection: string }[] = [];
      const issued: string[] = [];
      let position = 0;
      const readOn = async (): Promise<void> => {
        const page = await log.read({ after: position, limit: 1_000 });
        for (const message of page.messages) all.apply(message);
        position = page.position;
      };
      const write = (host: string, id: string, content: TicketEntry): Promise<unknown> =>
        log.append([{ id, senderId: host, content, metadata: NO_METADATA }]);
      const hosts = ["host0", "host1", "host2"];
      /** Whoever is there says so; who is gone never comes back. */
      const pass = async (step: number): Promise<void> => {
        for (const part of [0, 1]) {
          await clock.advance(random(4_900));
          for (const host of hosts) await write(host, `${host}.alive${step}.${part}`, { type: "alive" });
        }
      };
      for (let step = 0; step < 80; step++) {
        const [at, what] = [random(3), random(8)];
        const ticket = issued[issued.length - 1 - random(4)] ?? "";
        const host = hosts[at] ?? "";
        if (what === 0) await write(host, issued[issued.push(`ticket${step}`) - 1] ?? "", { type: "issued", sealed: "x" });
        else if (what === 1) hosts[at] = `host${at}.${step}`;
        else if (what <= 3 && all.isGood(ticket, log.now())) {
          connections.push({ host, ticket, connection: `c${step}` });
          await write(host, `c${step}`, { type: "taken", ticket, connection: `c${step}` });
        } else if (what === 4 && connections.length > 0) {
          const [over] = connections.splice(random(connections.length), 1);
          const { host: from = "", ticket: of = "", connection = "" } = over ?? {};
          if (hosts.includes(from)) await write(from, `${connection}.ended`, { type: "ended", ticket: of, connection });
        } else await pass(step);
        await readOn();
        if (random(5) === 0) {
          const useless = all.useless(log.now() - random(10_000));
          // Not always to the end: a host may end in the middle of it.
          const gone = useless.slice(0, random(2) === 0 ? useless.length : random(useless.length + 1));
          await log.remove(gone);
          all.removed(gone);
        }
        const fresh = new TicketBoard(() => {});
        for (const message of (await log.read({ after: 0, limit: 1_000 })).messages) fresh.apply(message);
        for (let later = 0; later < 40_000; later += 4_999) {
          const good = (board: TicketBoard): boolean[] => issued.map((id) => board.isGood(id, log.now() + later));
          expect([seed, step, later, good(fresh)]).toEqual([seed, step, later, good(all)]);
        }
      }
    }
  });
});
