import { Bench, type StoreHarness } from "./harness.js";

/** A promise to users together with its proof. The id is permanent: documentation and bug reports cite it. */
export interface Guarantee {
  readonly id: `store/${string}`;
  readonly says: string;
  /** Stores without this capability do not promise it: the test is shown as skipped. */
  readonly needs?: "durable" | "flushed" | "shared" | "rewind" | "copy";
  readonly prove: (bench: Bench) => Promise<void>;
}

type Test = (this: void, name: string, body: () => Promise<void>) => unknown;

/** What the suite needs of a test runner; vitest and node:test fit. */
export interface TestRunner {
  readonly describe: (this: void, name: string, body: () => void) => unknown;
  readonly it: Test & { readonly skip: Test };
}

/** One test a guarantee. What the store does not offer shows up as skipped, never as absent. */
export function runGuarantees(title: string, guarantees: readonly Guarantee[], harness: StoreHarness, { describe, it }: TestRunner): void {
  describe(title, () => {
    for (const { id, says, needs, prove } of guarantees) {
      (isOffered(needs, harness) ? it : it.skip)(`${id}: ${says}`, async () => {
        const bench = await Bench.create(harness);
        try {
          await prove(bench);
        } finally {
          await bench[Symbol.asyncDispose]();
        }
      });
    }
  });
}

function isOffered(needs: Guarantee["needs"], harness: StoreHarness): boolean {
  if (needs === "rewind") return harness.rewind !== undefined;
  if (needs === "copy") return harness.portable ?? false;
  return needs === undefined || harness.capabilities[needs];
}
