// The part of the load in which order and bounds matter: keys, priorities, cancels, and a group that may have only so much out.
import type { ClaimedMessage, MessageStore } from "@sssn/core";
import { monotonicMs, type HistoryEvent } from "./history.js";

/** What the bounded group may have out, and how much in a time. */
export const BOUNDS = { maxInFlight: 3, rate: { count: 25, perMs: 250 } } as const;

const KEYS = 20;
const WORKERS = 4;
/** What a killed run holds is free again soon: of each key it is all that there is. */
const LONG_LEASE_MS = 150;
const SHORT_LEASE_MS = 60;

/** What the load gives its parts. */
export interface LoadTools {
  readonly store: MessageStore;
  readonly run: string;
  readonly say: (event: HistoryEvent) => void;
  readonly pause: (ms?: number) => Promise<void>;
  /** Goes on over every refusal that may pass, until it is done. */
  readonly retry: (task: () => Promise<void>) => Promise<void>;
  /** Does it again and again. */
  readonly persist: (task: () => Promise<void>) => Promise<never>;
  /** Whether more is written, or what is there is only worked off. Default: more is. */
  readonly mayWrite?: () => boolean;
}

/** Writes messages of some keys and priorities, works on them, gives some back, and cancels some, for ever. */
export async function orderedLoad({ store, run, say, pause, persist, mayWrite = () => true }: LoadTools): Promise<void> {
  const log = await store.open("ordered");
  let count = 0;
  const write = (): Promise<never> =>
    persist(async () => {
      if (!mayWrite()) return pause();
      const key = `key-${Math.floor(Math.random() * KEYS)}`;
      const id = `${run}-${count++}`;
      const priority = Math.random() < 0.5 ? 4 : Math.floor(Math.random() * 10);
      const [receipt] = await log.append([{ senderId: "w", content: count, metadata: {}, id, key, priority }]);
      if (receipt) say({ type: "ordered-written", sequence: receipt.sequence, key });
      if (Math.random() < 0.1 && receipt) {
        say({ type: "ordered-settling", sequences: [receipt.sequence] });
        const [result] = await log.cancel("default", [id], "not needed");
        if (result?.status === "cancelled") say({ type: "ordered-cancelled", sequence: receipt.sequence });
      }
      await pause(2);
    });
  const work = (worker: number): Promise<never> =>
    persist(async () => {
      const leaseMs = Math.random() < 0.2 ? SHORT_LEASE_MS : LONG_LEASE_MS;
      const asked = monotonicMs();
      const { claims } = await log.claim({ group: "default", readerId: `w${worker}`, limit: 3, leaseMs });
      const answered = monotonicMs();
      for (const { message, expiresAt } of claims)
        say({ type: "ordered-claimed", sequence: message.sequence, key: message.key ?? "", asked, answered, leaseMs, expiresAt });
      if (claims.length === 0) return pause();
      if (Math.random() < 0.05) await pause(SHORT_LEASE_MS + 20);
      const action = Math.random() < 0.2 ? "release" : "acknowledge";
      say({ type: "ordered-settling", sequences: claims.map(({ message }) => message.sequence), isRelease: action === "release" });
      await log.settle(
        "default",
        `w${worker}`,
        claims.map(({ receipt }) =>
          action === "release" ? { receipt, action, delayMs: Math.random() < 0.5 ? 0 : 10 } : { receipt, action },
        ),
      );
    });
  const retain = (): Promise<never> =>
    persist(async () => {
      await log.evict({ maxCount: 500, keepUnsettled: true });
      await pause(20);
    });
  await Promise.all([write(), retain(), ...Array.from({ length: WORKERS }, (_, worker) => work(worker))]);
}

/** Works off a group that is bounded, for ever. */
export async function boundedLoad({ store, say, pause, retry, persist, mayWrite = () => true }: LoadTools): Promise<void> {
  const log = await store.open("bounded");
  await retry(() => log.setRegime("default", BOUNDS));
  const write = (): Promise<never> =>
    persist(async () => {
      if (!mayWrite()) return pause();
      await log.append([{ senderId: "w", content: 1, metadata: {} }]);
      await pause(4);
    });
  const settle = async (worker: string, claims: readonly ClaimedMessage[]): Promise<void> => {
    say({ type: "bounded-settling", sequences: claims.map(({ message }) => message.sequence) });
    await log.settle(
      "default",
      worker,
      claims.map(({ receipt }) => ({ receipt, action: "acknowledge" as const })),
    );
  };
  const work = (worker: string): Promise<never> =>
    persist(async () => {
      const asked = monotonicMs();
      const { claims } = await log.claim({ group: "default", readerId: worker, limit: 2, leaseMs: SHORT_LEASE_MS });
      const answered = monotonicMs();
      for (const { message, expiresAt } of claims)
        say({ type: "bounded-claimed", sequence: message.sequence, asked, answered, leaseMs: SHORT_LEASE_MS, expiresAt });
      if (claims.length === 0) return pause();
      await pause(3);
      await settle(worker, claims);
    });
  const retain = (): Promise<never> =>
    persist(async () => {
      await log.evict({ maxCount: 200, keepUnsettled: true });
      await pause(50);
    });
  await Promise.all([write(), retain(), ...Array.from({ length: WORKERS }, (_, worker) => work(`w${worker}`))]);
}
