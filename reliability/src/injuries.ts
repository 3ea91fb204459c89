// Injures the files of a closed store in every way that disks do, one injury at a time on a fresh copy, and judges what the store
// makes of it: pnpm injuries -- --rounds N [--seed N]. Everything is still there, or the store says that it is damaged.
import { cp, mkdtemp, open, readdir, rm, stat, truncate } from "node:fs/promises";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isSSSNError, silentLogger } from "@sssn/core";
import { LevelMessageStore } from "@sssn/store-level";
import { fillTemplate, picture } from "./picture.js";
import { optionsOf } from "./program.js";
import type { Random } from "./random.js";

const HANG_MS = 20_000;

interface Injury {
  readonly file: string;
  readonly what: string;
}

async function injure(folder: string, random: Random): Promise<Injury> {
  const files: string[] = [];
  for (const entry of await readdir(folder, { recursive: true, withFileTypes: true })) {
    if (entry.isFile() && !/LOCK|LOG|owner/.test(entry.name)) files.push(join(entry.parentPath, entry.name));
  }
  // The log, the directory and the mark are few and small; without this nearly every injury would hit a table.
  const kind = random.pick([/\.log$/, /\.log$/, /\.ldb$/, /\.ldb$/, /MANIFEST/, /CURRENT$/, /mark$/]);
  const file = random.pick(files.filter((path) => kind.test(path)));
  const { size } = await stat(file);
  const way = random.below(10);
  if (way === 0) {
    await rm(file);
    return { file, what: "deleted" };
  }
  if (way <= 3 && size > 0) {
    const left = Math.max(0, size - (way === 1 ? 1 + random.below(size) : 1 + random.below(4_096)));
    await truncate(file, left);
    return { file, what: `cut from ${size} to ${left} bytes` };
  }
  const [at, bit] = [random.below(Math.max(1, size)), random.below(8)];
  const handle = await open(file, "r+");
  const byte = Buffer.alloc(1);
  await handle.read(byte, 0, 1, at);
  byte[0] = (byte[0] ?? 0) ^ (1 << bit);
  await handle.write(byte, 0, 1, at);
  await handle.close();
  return { file, what: `bit ${bit} of byte ${at} (of ${size}) flipped` };
}

type Verdict =
  { readonly outcome: "reported" | "unharmed" } | { readonly outcome: "silent" | "wrong error" | "hang"; readonly why: string };

async function judge(folder: string, expected: string): Promise<Verdict> {
  const store = new LevelMessageStore({ folder, logger: silentLogger });
  let timer: NodeJS.Timeout | undefined;
  const hang = new Promise<Verdict>((resolve) => {
    timer = setTimeout(() => resolve({ outcome: "hang", why: `no answer within ${HANG_MS} ms` }), HANG_MS);
  });
  const looked = picture(store).then(
    (found): Verdict => (found === expected ? { outcome: "unharmed" } : { outcome: "silent", why: firstDifference(expected, found) }),
    (error: unknown): Verdict =>
      isSSSNError(error, "store_corrupted") ? { outcome: "reported" } : { outcome: "wrong error", why: String(error) },
  );
  const verdict = await Promise.race([looked, hang]);
  clearTimeout(timer);
  await store.close();
  return verdict;
}

function firstDifference(expected: string, found: string): string {
  const [wanted, got] = [expected.split("\n"), found.split("\n")];
  const line = wanted.findIndex((text, index) => text !== got[index]);
  return `expected ${wanted[line]?.slice(0, 200)}, found ${got[line]?.slice(0, 200)}`;
}

const { rounds, random, seed } = optionsOf(100);
const base = await mkdtemp(join(tmpdir(), "sssn-injuries-"));
const tally: Record<string, number> = {};
try {
  const templates = [];
  for (const killed of [false, true]) {
    const folder = join(base, killed ? "killed" : "closed");
    await fillTemplate(folder, killed);
    const copy = join(base, "untouched");
    await cp(folder, copy, { recursive: true });
    const store = new LevelMessageStore({ folder: copy, logger: silentLogger });
    templates.push({ folder, expected: await picture(store) });
    await store.close();
    await rm(copy, { recursive: true });
  }
  for (let round = 1; round <= rounds; round++) {
    const { folder, expected } = random.pick(templates);
    const copy = join(base, `round-${round}`);
    await cp(folder, copy, { recursive: true });
    const { file, what } = await injure(copy, random);
    const verdict = await judge(copy, expected);
    tally[verdict.outcome] = (tally[verdict.outcome] ?? 0) + 1;
    if ("why" in verdict) {
      console.error(`round ${round}: ${verdict.outcome}: ${file} ${what}: ${verdict.why}`);
      process.exitCode = 1;
    }
    await rm(copy, { recursive: true, force: true });
  }
} finally {
  await rm(base, { recursive: true, force: true });
}
console.log(`${rounds} injuries, seed ${seed}: ${JSON.stringify(tally)}`);
