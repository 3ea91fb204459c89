import { cpus, totalmem } from "node:os";
import { median } from "./workloads/reopening.js";

/** All figures of one contender in one workload. */
export interface Result {
  readonly workload: string;
  readonly title: string;
  readonly unit: string;
  readonly contender: string;
  readonly durability: string;
  readonly figure: string;
  readonly samples: readonly number[];
}

/** A ratio that the project holds itself to. */
interface Target {
  readonly what: string;
  readonly ours: readonly [workload: string, contender: string];
  readonly theirs: readonly [workload: string, contender: string];
  readonly atLeast: number;
}

const TARGETS: readonly Target[] = [
  { what: "64 awaited writers, to raw group commit", ours: ["write-64", "SSSN log"], theirs: ["write-64", "raw LevelDB"], atLeast: 0.7 },
  {
    what: "64 awaited writers, to BullMQ on Redis always",
    ours: ["write-64", "SSSN log"],
    theirs: ["write-64", "BullMQ, Redis always"],
    atLeast: 4,
  },
  { what: "64 awaited writers, to JetStream", ours: ["write-64", "SSSN log"], theirs: ["write-64", "JetStream, file store"], atLeast: 4 },
  { what: "1 awaited writer, to raw put", ours: ["write-1", "SSSN log"], theirs: ["write-1", "raw put, sync"], atLeast: 0.9 },
  { what: "batches of 100, to raw chained batches", ours: ["batch-100", "SSSN log"], theirs: ["batch-100", "raw LevelDB"], atLeast: 0.7 },
  {
    what: "work(), one handler at a time, to BullMQ (always) with 8",
    ours: ["claim-1", "SSSN work()"],
    theirs: ["workers-8", "BullMQ, Redis always"],
    atLeast: 5,
  },
  {
    what: "work(), one handler at a time, to BullMQ (everysec) with 8",
    ours: ["claim-1", "SSSN work()"],
    theirs: ["workers-8", "BullMQ, Redis everysec"],
    atLeast: 5,
  },
  {
    what: "claim, await the acknowledgement, claim the next, to BullMQ (always) with 8",
    ours: ["claim-1", "SSSN log"],
    theirs: ["workers-8", "BullMQ, Redis always"],
    atLeast: 5,
  },
  {
    what: "claim + acknowledge by 100, to JetStream",
    ours: ["claim-100", "SSSN log"],
    theirs: ["claim-100", "JetStream, file store"],
    atLeast: 5,
  },
  {
    what: "claim + acknowledge by 100, to SQLite NORMAL",
    ours: ["claim-100", "SSSN log"],
    theirs: ["claim-100", "SQLite, synchronous NORMAL"],
    atLeast: 1,
  },
  { what: "shared read, to raw nextv + JSON.parse", ours: ["read-all", "SSSN log"], theirs: ["read-all", "raw LevelDB"], atLeast: 0.6 },
];

export interface Report {
  readonly date: string;
  readonly machine: string;
  readonly results: readonly Result[];
  readonly skipped: readonly string[];
}

export function machine(): string {
  return `${cpus().length} × ${cpus()[0]?.model.trim() ?? "unknown processor"}, ${Math.round(totalmem() / 1024 ** 3)} GB, ${process.platform}, Node ${process.versions.node}`;
}

/** The report as Markdown, for people and for the documentation. */
export function toMarkdown({ date, machine: on, results, skipped }: Report): string {
  const lines = [`${date} · ${on}`, ""];
  for (const name of new Set(results.map(({ workload }) => workload)))
    lines.push(...table(results.filter(({ workload }) => workload === name)), "");
  lines.push(...targets(results));
  if (skipped.length > 0) lines.push("", "Left out:", ...skipped.map((text) => `- ${text}`));
  return lines.join("\n");
}

function table(results: readonly Result[]): string[] {
  const [first] = results;
  const ours = results.find(({ contender }) => contender === "SSSN log" || contender === "SSSN channel");
  const reference = ours && median(ours.samples);
  const rows = results.map(({ contender, figure, samples, durability }) => {
    const value = median(samples);
    const [least, most] = [Math.min(...samples), Math.max(...samples)];
    const spread = samples.length > 1 ? `${format(least)} – ${format(most)}` : "";
    return `| ${contender}${figure === "rate" ? "" : `, ${figure}`} | ${format(value)} | ${spread} | ${reference === undefined ? "" : (value / reference).toFixed(2)} | ${durability} |`;
  });
  return [
    `### ${first?.title ?? ""} (${first?.workload ?? ""})`,
    "",
    `| contender | median ${first?.unit ?? ""} | range | to ${ours?.contender ?? "ours"}${ours && ours.figure !== "rate" ? `, ${ours.figure}` : ""} | what an acknowledgement survives |`,
    "|---|---|---|---|---|",
    ...rows,
  ];
}

function targets(results: readonly Result[]): string[] {
  const valueOf = ([workload, contender]: readonly [string, string]): number | undefined => {
    const found = results.find((result) => result.workload === workload && result.contender === contender);
    return found && median(found.samples);
  };
  const rows = TARGETS.flatMap(({ what, ours, theirs, atLeast }) => {
    const [own, other] = [valueOf(ours), valueOf(theirs)];
    if (own === undefined || other === undefined) return [];
    const ratio = own / other;
    return [`| ${what} | ${ratio.toFixed(2)} | ${atLeast} | ${ratio >= atLeast ? "reached" : "**missed**"} |`];
  });
  return rows.length === 0
    ? []
    : ["### Ratios that the project holds itself to", "", "| ratio | measured | at least | |", "|---|---|---|---|", ...rows];
}

function format(value: number): string {
  if (value >= 1_000) return Math.round(value).toLocaleString("en-US").replaceAll(",", " ");
  return value >= 100 ? value.toFixed(0) : value.toFixed(2);
}
