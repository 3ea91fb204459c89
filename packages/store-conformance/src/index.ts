import fc from "fast-check";
import { channelClaimGuarantees } from "./channel-claim-guarantees.js";
import { type ChannelGuarantee, type ChannelUnderTest, type TestedKind, type TestedOptions } from "./channel-guarantee.js";
import { channelDeliveryGuarantees } from "./channel-delivery-guarantees.js";
import { channelLiveGuarantees } from "./channel-live-guarantees.js";
import { channelObserveGuarantees } from "./channel-observe-guarantees.js";
import { channelReadGuarantees } from "./channel-read-guarantees.js";
import { channelWorkGuarantees } from "./channel-work-guarantees.js";
import { claimGuarantees } from "./claim-guarantees.js";
import { cursorGuarantees } from "./cursor-guarantees.js";
import { copyGuarantees } from "./copy-guarantees.js";
import { copyResumeGuarantees } from "./copy-resume-guarantees.js";
import { equal } from "./expectations.js";
import { deadLetterGuarantees } from "./dead-letter-guarantees.js";
import { runGuarantees, type Guarantee, type TestRunner } from "./guarantee.js";
import { holdGuarantees } from "./hold-guarantees.js";
import { Bench, type StoreHarness } from "./harness.js";
import { deliveryGuarantees } from "./delivery-guarantees.js";
import { idempotenceGuarantees } from "./idempotence-guarantees.js";
import { keyGuarantees } from "./key-guarantees.js";
import { leaseGuarantees } from "./lease-guarantees.js";
import { logGuarantees } from "./log-guarantees.js";
import { commands, compare } from "./model/compare.js";
import { orderGuarantees } from "./order-guarantees.js";
import { regimeGuarantees } from "./regime-guarantees.js";
import { restartGuarantees } from "./restart-guarantees.js";
import { retentionGuarantees } from "./retention-guarantees.js";
import { settlementGuarantees } from "./settlement-guarantees.js";
import { rewindGuarantees } from "./rewind-guarantees.js";
import { sharedGuarantees } from "./shared-guarantees.js";
import { timeToLiveGuarantees } from "./time-to-live-guarantees.js";

export {
  type ChannelGuarantee,
  type ChannelUnderTest,
  type ReachedChannel,
  type TestedKind,
  type TestedOptions,
} from "./channel-guarantee.js";
export { type Guarantee, type TestRunner } from "./guarantee.js";
export { type StoreHarness } from "./harness.js";

/** Every rule that a message store keeps, as a sentence with its proof. */
export const storeGuarantees: readonly Guarantee[] = [
  ...logGuarantees,
  ...idempotenceGuarantees,
  ...retentionGuarantees,
  ...cursorGuarantees,
  ...claimGuarantees,
  ...leaseGuarantees,
  ...settlementGuarantees,
  ...deliveryGuarantees,
  ...deadLetterGuarantees,
  ...timeToLiveGuarantees,
  ...keyGuarantees,
  ...regimeGuarantees,
  ...orderGuarantees,
  ...restartGuarantees,
  ...holdGuarantees,
  ...sharedGuarantees,
  ...rewindGuarantees,
  ...copyGuarantees,
  ...copyResumeGuarantees,
];

/** Every rule that a channel port keeps, as a sentence with its proof. */
export const channelGuarantees: readonly ChannelGuarantee[] = [
  ...channelReadGuarantees,
  ...channelLiveGuarantees,
  ...channelClaimGuarantees,
  ...channelDeliveryGuarantees,
  ...channelWorkGuarantees,
  ...channelObserveGuarantees,
];

/** How thorough the property-based part is. */
export interface ProofOptions {
  /** How many random sequences of operations are compared with the model. Default 100. */
  readonly runs?: number;
  /** Repeats one sequence; a failure prints it. */
  readonly seed?: number;
}

/**
 * Proves a store: every guarantee, and random sequences of operations against a simple model.
 *
 * @param runner vitest's or node:test's `describe` and `it`.
 *
 * @example
 * ```ts
 * import { describe, it } from "node:test";
 * import { MemoryMessageStore } from "@sssn/core";
 * import { proveStore } from "@sssn/store-conformance";
 * proveStore("MemoryMessageStore", {
 *   capabilities: new MemoryMessageStore().capabilities,
 *   create: async (clock) => new MemoryMessageStore({ clock }),
 *   portable: true,
 *   join: async (open, clock) => new MemoryMessageStore({ clock, beside: open as MemoryMessageStore }),
 * }, { describe, it }, { runs: 10 });
 * ```
 */
export function proveStore(name: string, harness: StoreHarness, runner: TestRunner, options: ProofOptions = {}): void {
  const capabilities: Guarantee = {
    id: "store/capabilities",
    says: "offers what it says that it offers",
    async prove(bench) {
      await bench.open();
      equal(bench.store.capabilities, harness.capabilities);
    },
  };
  const model: Guarantee = {
    id: "store/model",
    says: "behaves like the simple model under any sequence of operations",
    async prove() {
      const property = fc.asyncProperty(commands(harness.capabilities.durable, harness.portable ?? false), async (steps) => {
        const bench = await Bench.create(harness);
        try {
          await compare(bench, steps);
        } finally {
          await bench[Symbol.asyncDispose]();
        }
      });
      await fc.assert(property, { numRuns: options.runs ?? 100, ...(options.seed === undefined ? {} : { seed: options.seed }) });
    },
  };
  runGuarantees(name, [capabilities, ...storeGuarantees, model], harness, runner);
}

/**
 * Proves a way to reach channels: what a caller sees is the same in the process and behind a transport.
 *
 * @param open makes a new channel of a kind, with the options that the test needs; it is disposed of after each test.
 * @param runner vitest's or node:test's `describe` and `it`.
 *
 * @example
 * ```ts
 * import { describe, it } from "node:test";
 * import { BroadcastChannel, MailboxChannel, MemoryMessageStore, PassthroughChannel, WorkQueueChannel, silentLogger } from "@sssn/core";
 * import { proveChannelPort } from "@sssn/store-conformance";
 * const kinds = { passthrough: PassthroughChannel, broadcast: BroadcastChannel, "work-queue": WorkQueueChannel, mailbox: MailboxChannel };
 * proveChannelPort("a channel in this process", async (kind, options) => {
 *   const channel = new kinds[kind]({ id: "tested", store: new MemoryMessageStore(), logger: silentLogger, ...options });
 *   await channel.start();
 *   return { as: () => channel, [Symbol.asyncDispose]: async () => void (await channel.drain()) };
 * }, { describe, it });
 * ```
 */
export function proveChannelPort(
  name: string,
  open: (kind: TestedKind, options: TestedOptions) => Promise<ChannelUnderTest>,
  { describe, it }: TestRunner,
): void {
  describe(name, () => {
    for (const { id, says, kind, options = {}, prove } of channelGuarantees) {
      it(`${id}: ${says}`, async () => {
        const channel = await open(kind, options);
        try {
          await prove(channel);
        } finally {
          await channel[Symbol.asyncDispose]();
        }
      });
    }
  });
}
