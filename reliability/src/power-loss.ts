// Cuts the power: the load runs on a file system that is shut down without flushing, mounted again and judged:
// pnpm power-loss -- --rounds N [--durability process]
import { execFileSync } from "node:child_process";
import { mkdirSync, mkdtempSync, rmSync, truncateSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { isSSSNError } from "@sssn/core";
import { repairStore } from "@sssn/store-level";
import { Checker } from "./checker.js";
import { begunWrites, lookAt, startLoad } from "./crash-run.js";
import { parseHistory, type Aftermath } from "./history.js";
import { optionsOf, report, skip } from "./program.js";

const IMAGE_BYTES = 256 * 1024 * 1024;
/** EXT4_IOC_SHUTDOWN with EXT4_GOING_FLAGS_NOLOGFLUSH: what is not on the disk yet never gets there. */
const CUT = "import fcntl, os, struct, sys; fcntl.ioctl(os.open(sys.argv[1], os.O_RDONLY), 0x8004587d, struct.pack('I', 2))";

const { rounds, random, flag } = optionsOf(20, ["durability"]);
const durability = flag("durability") === "process" ? "process" : "flushed";
const base = mkdtempSync(join(tmpdir(), "sssn-power-"));
const [image, mountPoint] = [join(base, "disk"), join(base, "mounted")];
const folder = join(mountPoint, "store");

function prepare(): string | undefined {
  if (process.platform !== "linux" || process.getuid?.() !== 0) return "mounting a file system takes Linux and root";
  mkdirSync(mountPoint);
  writeFileSync(image, "");
  truncateSync(image, IMAGE_BYTES);
  try {
    execFileSync("mkfs.ext4", ["-q", "-F", image], { stdio: "pipe" });
    mount();
  } catch (error) {
    return `a file system could not be made and mounted here (${error instanceof Error ? error.message.split("\n")[0] : String(error)})`;
  }
  return undefined;
}

function mount(): void {
  execFileSync("mount", ["-o", "loop", image, mountPoint], { stdio: "pipe" });
}

function unmount(): void {
  execFileSync("umount", [mountPoint], { stdio: "pipe" });
}

async function runUntilCut(round: number, begun: readonly string[]): Promise<string> {
  const load = startLoad({ folder, run: round, begun, durability });
  await new Promise((resolve) => setTimeout(resolve, 250 + random.below(durability === "process" ? 2_500 : 750)));
  execFileSync("python3", ["-c", CUT, mountPoint], { stdio: "pipe" });
  // What the store says from here on it says over a disk that is gone.
  await new Promise((resolve) => setTimeout(resolve, 20));
  load.kill();
  return (await load.ended).output;
}

/** With durability process the end of the log may be gone, and the store may refuse to open until that is accepted. */
async function lookAtLoss(): Promise<{ readonly aftermath: Aftermath; readonly refused: boolean }> {
  try {
    return { aftermath: await lookAt(folder), refused: false };
  } catch (error) {
    if (durability === "flushed" || !isSSSNError(error, "store_corrupted")) throw error;
    const { keptIn } = await repairStore(folder);
    rmSync(keptIn, { recursive: true, force: true });
    return { aftermath: await lookAt(folder), refused: true };
  }
}

const impossible = prepare();
if (impossible !== undefined) skip(`power loss: ${impossible}`);
else {
  const checker = new Checker();
  let violations: ReturnType<Checker["judge"]> = [];
  let begun: string[] = [];
  let [lost, refusals, roundsWithLoss] = [0, 0, 0];
  try {
    for (let round = 1; round <= rounds && violations.length === 0; round++) {
      const history = parseHistory(await runUntilCut(round, begun));
      unmount();
      mount();
      const { aftermath, refused } = await lookAtLoss();
      const found = checker.judge(history, aftermath);
      if (durability === "process") {
        const gone = checker.forgive(aftermath);
        const last = Math.max(0, ...aftermath.messages.keys());
        violations = gone
          .filter((sequence) => sequence <= last)
          .map((sequence) => ({ rule: "lost", what: `${sequence} is gone, but ${last} is there: a hole` }));
        lost += gone.length;
        refusals += Number(refused);
        roundsWithLoss += Number(gone.length > 0);
      } else violations = found;
      begun = begunWrites(history, round);
      if (round % 10 === 0 || round === rounds) console.log(`${round} power cuts: ${JSON.stringify(checker.counts)}`);
    }
  } finally {
    unmount();
    rmSync(base, { recursive: true, force: true });
  }
  if (durability === "flushed" || violations.length > 0) report(violations, folder);
  else {
    console.log(
      `durability process: ${lost} acknowledged writes lost in ${roundsWithLoss} of ${rounds} power cuts, as documented; ${refusals} times the store refused to open until the loss was accepted`,
    );
    if (lost === 0) {
      console.error("Nothing was lost although nothing was flushed: this test would not notice a missing flush.");
      process.exitCode = 1;
    }
  }
}
