import { connect, createServer, type AddressInfo, type Server, type Socket } from "node:net";
import type { Random } from "../random.js";

/** What a statement, or the answer that it is done, ends with. */
const COMMIT = Buffer.from("COMMIT\0");
const LISTEN = Buffer.from("LISTEN ");
const INSERT = Buffer.from("INSERT INTO");
/** What a host asks when it was not told whether its commit happened. */
const QUESTION = Buffer.from("AND token = ");
const NOTIFICATION = "A".charCodeAt(0);
/** A commit that no answer comes to is cut all the same. */
const LONGEST_COMMIT_MS = 2_000;

/** How often each thing happened. */
export interface ProxyCounts {
  readonly cuts: number;
  readonly commitsCut: number;
  readonly notificationsDropped: number;
}

/** Stands between one host and the server, knows the messages that go by, and does harm to them. */
export class DatabaseProxy {
  readonly #server: Server;
  readonly #port: number;
  readonly #random: Random;
  readonly #links = new Set<Link>();
  #counts = { cuts: 0, commitsCut: 0, notificationsDropped: 0 };
  #commitsToCut = 0;
  #cutsAnswersUntil = 0;
  /** Counts down to the answer behind a lost commit that is lost as well: there the host asks whether it was stored. */
  #answersUntilCut = Infinity;
  #isDeaf = false;

  private constructor(port: number, random: Random) {
    this.#port = port;
    this.#random = random;
    this.#server = createServer((client) => this.#join(client));
  }

  static async open(port: number, random: Random): Promise<DatabaseProxy> {
    const proxy = new DatabaseProxy(port, random);
    await new Promise<void>((resolve) => proxy.#server.listen(0, "127.0.0.1", resolve));
    return proxy;
  }

  get port(): number {
    return (this.#server.address() as AddressInfo).port;
  }

  get counts(): ProxyCounts {
    return this.#counts;
  }

  /** Cuts some of the connections that there are, or all. */
  cut(howMany = Infinity): void {
    for (const link of [...this.#links].sort(() => this.#random.below(3) - 1).slice(0, howMany)) this.#cut(link);
  }

  /** From now on the answers to the next commits that write something are lost: they are cut off when the server has given them. */
  cutCommits(howMany: number): void {
    this.#commitsToCut += howMany;
  }

  /** For a while some answers are cut off in the middle. */
  cutAnswers(forMs: number): void {
    this.#cutsAnswersUntil = performance.now() + forMs;
  }

  /** Whether notifications get lost. */
  set isDeaf(isDeaf: boolean) {
    this.#isDeaf = isDeaf;
  }

  /** Passes nothing on any more, and cuts nothing: nobody hears of anything. */
  freeze(): void {
    for (const { client, upstream } of this.#links) {
      client.pause();
      upstream.pause();
    }
  }

  thaw(): void {
    for (const { client, upstream } of this.#links) {
      client.resume();
      upstream.resume();
    }
  }

  #join(client: Socket): void {
    const link = new Link(client, connect(this.#port, "127.0.0.1"));
    const { upstream } = link;
    this.#links.add(link);
    client.on("data", (chunk: Buffer) => this.#pass(link, chunk));
    upstream.on("data", (chunk: Buffer) => this.#answer(link, chunk));
    for (const socket of [client, upstream])
      socket
        .setNoDelay(true)
        .on("error", () => undefined)
        .on("close", () => {
          this.#links.delete(link);
          // What was sent before the end still arrives.
          if (socket === client) upstream.end();
          else client.end();
        });
  }

  #pass(link: Link, chunk: Buffer): void {
    if (chunk.includes(LISTEN)) link.listens = true;
    if (chunk.includes(INSERT)) link.writes = true;
    link.asks = chunk.includes(QUESTION) && this.#random.below(2) === 0;
    link.upstream.write(chunk);
    if (!chunk.includes(COMMIT)) return;
    if (link.writes && this.#commitsToCut > 0) {
      this.#commitsToCut--;
      link.withholds = Buffer.alloc(0);
      setTimeout(() => this.#cutCommit(link), LONGEST_COMMIT_MS).unref();
    }
    link.writes = false;
  }

  #answer(link: Link, chunk: Buffer): void {
    if (link.withholds) {
      link.withholds = Buffer.concat([link.withholds, chunk]);
      if (link.withholds.includes(COMMIT)) this.#cutCommit(link);
      return;
    }
    const isBehindCommit = link.asks || (!link.listens && --this.#answersUntilCut === 0);
    if (isBehindCommit || (performance.now() < this.#cutsAnswersUntil && this.#random.below(4) === 0)) {
      link.client.write(chunk.subarray(0, this.#random.below(chunk.length)));
      this.#cut(link);
      return;
    }
    link.client.write(link.listens ? this.#heard(link, chunk) : chunk);
  }

  #cutCommit(link: Link): void {
    if (!this.#links.has(link) || !link.withholds) return;
    this.#counts.commitsCut++;
    this.#answersUntilCut = this.#random.below(4) === 0 ? Infinity : 2 + this.#random.below(8);
    this.#cut(link);
  }

  #cut(link: Link): void {
    this.#counts.cuts++;
    this.#links.delete(link);
    link.upstream.destroy();
    // Sometimes with a farewell, sometimes without.
    if (this.#random.below(2) === 0) link.client.resetAndDestroy();
    else link.client.resume().end();
  }

  /** All that goes on, message by message, but for the notifications. */
  #heard(link: Link, chunk: Buffer): Buffer {
    let rest = Buffer.concat([link.partial, chunk]);
    const kept: Buffer[] = [];
    while (rest.length >= 5) {
      const length = 1 + rest.readUInt32BE(1);
      if (rest.length < length) break;
      if (this.#isDeaf && rest[0] === NOTIFICATION) this.#counts.notificationsDropped++;
      else kept.push(rest.subarray(0, length));
      rest = rest.subarray(length);
    }
    link.partial = rest;
    return Buffer.concat(kept);
  }

  close(): void {
    for (const { client, upstream } of this.#links) {
      client.destroy();
      upstream.destroy();
    }
    this.#server.close();
  }
}

/** One connection that goes through. */
class Link {
  readonly client: Socket;
  readonly upstream: Socket;
  /** Notifications come on it. */
  listens = false;
  /** Something was written since the last commit. */
  writes = false;
  /** It asks what became of a commit, and is not told. */
  asks = false;
  /** What the server has answered since a commit whose answer is to be lost. */
  withholds: Buffer | undefined;
  partial = Buffer.alloc(0);

  constructor(client: Socket, upstream: Socket) {
    this.client = client;
    this.upstream = upstream;
  }
}
