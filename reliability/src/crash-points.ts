// Kills a scenario at every single system call that changes the disk, one after the other, and judges what is left each time:
// pnpm crash-points
import { spawnSync } from "node:child_process";
import { existsSync, mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { fileURLToPath } from "node:url";
import { Checker, type Violation } from "./checker.js";
import { lookAt } from "./crash-run.js";
import { parseHistory } from "./history.js";
import { report, skip } from "./program.js";

const CALLS = ["write", "pwrite64", "fdatasync", "fsync", "rename", "unlink", "mkdir"];
const STRACE = "/usr/bin/strace";
const scenario = fileURLToPath(new URL("scenario.js", import.meta.url));

async function killAt(call: string, time: number): Promise<{ readonly violations: readonly Violation[]; readonly wasKilled: boolean }> {
  const folder = mkdtempSync(join(tmpdir(), "sssn-point-"));
  const { stdout, signal, status } = spawnSync(
    STRACE,
    [
      "-f",
      "-qq",
      "-o",
      "/dev/null",
      "-e",
      `trace=${call}`,
      "-e",
      `inject=${call}:signal=KILL:when=${time}`,
      process.execPath,
      scenario,
      folder,
    ],
    {
      encoding: "utf8",
      // One thread for the disk: the calls come in the same order each time.
      env: { ...process.env, UV_THREADPOOL_SIZE: "1" },
      stdio: ["ignore", "pipe", "inherit"],
    },
  );
  const violations = new Checker().judge(parseHistory(stdout), await lookAt(folder));
  if (violations.length === 0) rmSync(folder, { recursive: true, force: true });
  else console.error(`killed at ${call} number ${time}; the store is kept in ${folder}`);
  return { violations, wasKilled: signal === "SIGKILL" || status !== 0 };
}

if (!existsSync(STRACE)) skip("a kill at every system call: strace is not installed");
else {
  const violations: Violation[] = [];
  const points: Record<string, number> = {};
  for (const call of CALLS) {
    for (let time = 1; violations.length === 0; time++) {
      const result = await killAt(call, time);
      violations.push(...result.violations);
      if (!result.wasKilled) break;
      points[call] = time;
    }
  }
  console.log(`the process was killed at each call: ${JSON.stringify(points)}`);
  report(violations, "the folder named above");
}
