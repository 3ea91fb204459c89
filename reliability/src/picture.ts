import { spawn } from "node:child_process";
import { once } from "node:events";
import { fileURLToPath } from "node:url";
import type { ChannelLog } from "@sssn/core";
import type { LevelMessageStore } from "@sssn/store-level";

/** The channels of the template: one with work and cursors, one with mail, one whose work has an order. */
export const JOBS = "jobs";
export const ORDERED = "ordered";
export const MAIL = "mail";
export const RECIPIENTS = ["ann", "bob"];

/**
 * Fills a folder with a bit of everything, in three runs, so that there are tables and a log.
 *
 * @param killed whether the last run is ended by SIGKILL, and not by a close.
 */
export async function fillTemplate(folder: string, killed: boolean): Promise<void> {
  for (const run of [1, 2, 3]) {
    const child = spawn(process.execPath, [fileURLToPath(new URL("fill.js", import.meta.url)), folder, String(run)], {
      stdio: ["pipe", "pipe", "inherit"],
    });
    await once(child.stdout, "data");
    if (killed && run === 3) child.kill("SIGKILL");
    else child.stdin.end();
    await once(child, "close");
  }
}

/** Everything that a store answers, as text: messages, mail, cursors, ids, what is settled, what is handed out. */
export async function picture(store: LevelMessageStore): Promise<string> {
  const [jobs, mail, ordered] = [await store.open(JOBS), await store.open(MAIL, { addressed: true }), await store.open(ORDERED)];
  const lines = [...(await allMessages(jobs)), ...(await allMessages(mail)), ...(await allMessages(ordered))];
  for (const audience of RECIPIENTS) lines.push(...(await allMessages(mail, audience)));
  for (let reader = 0; reader < 20; reader++)
    lines.push(`cursor ${reader}: ${await jobs.cursor({ owner: `reader-${reader}`, name: "main" })}`);
  for (let index = 0; index < 300; index += 7)
    lines.push(`id ${index}: ${(await jobs.get(`job-1-${index}`))?.sequence} ${(await jobs.get(`job-3-${index}`))?.sequence}`);
  for (const log of [jobs, mail, ordered]) {
    const { groups, cursors, ...figures } = await log.stats();
    // Ages go on while one looks.
    lines.push(
      JSON.stringify([
        figures,
        // What happens is counted anew with each opening.
        groups.map(({ oldestUnfinishedMs: _age, totals: _totals, ...group }) => group),
        cursors.map(({ lagMs: _lag, ...cursor }) => cursor),
      ]),
    );
  }
  const dead = await jobs.dead("workers", { limit: 1_000 });
  lines.push(`dead: ${dead.map(({ message }) => message.sequence).join(" ")}`);
  for (const state of ["ready", "claimed", "resting", "cancelled"] as const) {
    const listed = await ordered.jobs("workers", { state, after: 0, limit: 1_000 });
    lines.push(`${state}: ${listed.jobs.map(({ sequence, priority, key }) => `${sequence}/${priority}/${key}`).join(" ")}`);
  }
  for (const log of [jobs, ordered]) {
    const { claims } = await log.claim({ group: "workers", readerId: "picture", limit: 1_000, leaseMs: 60_000 });
    lines.push(`claimable: ${claims.map(({ message, deliveries }) => `${message.sequence}/${deliveries}`).join(" ")}`);
  }
  return lines.join("\n");
}

async function allMessages(log: ChannelLog, audience?: string): Promise<string[]> {
  const lines: string[] = [];
  for (let after = 0; ;) {
    const { messages, position, skipped } = await log.read({ after, limit: 500, ...(audience === undefined ? {} : { audience }) });
    if (messages.length === 0) return lines;
    lines.push(
      ...messages.map(({ sequence, id, content }) => `${log.channelId} ${audience ?? ""} ${sequence} ${id} ${JSON.stringify(content)}`),
      `skipped ${skipped}`,
    );
    after = position;
  }
}
