import { access, readFile, readdir, statfs } from "node:fs/promises";
import { cpus, freemem, loadavg, totalmem } from "node:os";
import type { ProcessUse, Reading } from "./reading.js";

const SECTOR_BYTES = 512;
const PAGE_BYTES = 4_096;
const TICKS_PER_SECOND = 100;

interface Counters {
  readonly at: number;
  readonly cpuBusy: number;
  readonly cpuTotal: number;
  readonly diskRead: number;
  readonly diskWritten: number;
  readonly received: number;
  readonly sent: number;
}

/** Reads this machine's figures; rates are since the last reading. */
export class Machine {
  readonly source: Reading["source"];
  #last: Counters | undefined;

  private constructor(source: Reading["source"]) {
    this.source = source;
  }

  /** Uses `/proc` where there is one, and what every platform offers elsewhere. */
  static async open(procFolder = "/proc"): Promise<Machine> {
    const hasProc = await access(`${procFolder}/stat`).then(
      () => true,
      () => false,
    );
    return new Machine(hasProc ? "proc" : "os");
  }

  async read(): Promise<Reading> {
    const now = this.source === "proc" ? await procCounters() : osCounters();
    const before = this.#last ?? now;
    this.#last = now;
    const seconds = Math.max(0.001, (now.at - before.at) / 1000);
    const rate = (current: number, previous: number): number => Math.round((current - previous) / seconds);
    const memoryTotal = totalmem();
    const memoryUsed = memoryTotal - (this.source === "proc" ? await procAvailableMemory() : freemem());
    return {
      source: this.source,
      cpuShare: share(now.cpuBusy - before.cpuBusy, now.cpuTotal - before.cpuTotal),
      loadAverage: loadavg()[0] ?? 0,
      memoryShare: share(memoryUsed, memoryTotal),
      memoryUsed,
      diskShare: await diskShare(),
      diskReadRate: rate(now.diskRead, before.diskRead),
      diskWriteRate: rate(now.diskWritten, before.diskWritten),
      networkReceiveRate: rate(now.received, before.received),
      networkSendRate: rate(now.sent, before.sent),
    };
  }

  /** The processes that use most memory; empty where the platform does not tell. */
  async topProcesses(count: number): Promise<readonly ProcessUse[]> {
    if (this.source !== "proc") return [];
    const entries = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
    const processes = await Promise.all(entries.map((pid) => processUse(pid).catch(() => undefined)));
    return processes
      .flatMap((use) => use ?? [])
      .sort((left, right) => right.memory - left.memory)
      .slice(0, count);
  }
}

function share(part: number, whole: number): number {
  return whole > 0 ? Math.round((part / whole) * 1000) / 1000 : 0;
}

async function diskShare(): Promise<number> {
  const { blocks, bavail } = await statfs(process.cwd());
  return share(blocks - bavail, blocks);
}

async function procCounters(): Promise<Counters> {
  const [stat, disks, network] = await Promise.all([
    readFile("/proc/stat", "utf8"),
    readFile("/proc/diskstats", "utf8").catch(() => ""),
    readFile("/proc/net/dev", "utf8").catch(() => ""),
  ]);
  const cpu = numbers(stat.slice(0, stat.indexOf("\n")).replace("cpu", ""));
  const total = cpu.slice(0, 8).reduce((sum, ticks) => sum + ticks, 0);
  const idle = (cpu[3] ?? 0) + (cpu[4] ?? 0);
  const wholeDisks = disks
    .split("\n")
    .map((line) => line.trim().split(/\s+/))
    .filter(([, , name = ""]) => /^(sd[a-z]+|vd[a-z]+|nvme\d+n\d+|xvd[a-z]+)$/.test(name));
  const interfaces = network
    .split("\n")
    .slice(2)
    .filter((line) => line.includes(":") && !line.trim().startsWith("lo:"))
    .map((line) => numbers(line.slice(line.indexOf(":") + 1)));
  return {
    at: performance.now(),
    cpuBusy: total - idle,
    cpuTotal: total,
    diskRead: sum(wholeDisks.map((fields) => Number(fields[5]))) * SECTOR_BYTES,
    diskWritten: sum(wholeDisks.map((fields) => Number(fields[9]))) * SECTOR_BYTES,
    received: sum(interfaces.map((fields) => fields[0] ?? 0)),
    sent: sum(interfaces.map((fields) => fields[8] ?? 0)),
  };
}

function osCounters(): Counters {
  const times = cpus().map(({ times: { user, nice, sys, idle, irq } }) => ({ busy: user + nice + sys + irq, idle }));
  const busy = sum(times.map((time) => time.busy));
  return {
    at: performance.now(),
    cpuBusy: busy,
    cpuTotal: busy + sum(times.map(({ idle }) => idle)),
    diskRead: 0,
    diskWritten: 0,
    received: 0,
    sent: 0,
  };
}

async function procAvailableMemory(): Promise<number> {
  const line = /^MemAvailable:\s+(\d+) kB$/m.exec(await readFile("/proc/meminfo", "utf8"));
  return line?.[1] === undefined ? freemem() : Number(line[1]) * 1024;
}

async function processUse(pid: string): Promise<ProcessUse> {
  const stat = await readFile(`/proc/${pid}/stat`, "utf8");
  // The name stands in parentheses and may itself contain some.
  const end = stat.lastIndexOf(")");
  const fields = stat
    .slice(end + 2)
    .split(" ")
    .map(Number);
  return {
    pid: Number(pid),
    name: stat.slice(stat.indexOf("(") + 1, end),
    memory: (fields[21] ?? 0) * PAGE_BYTES,
    cpuSeconds: ((fields[11] ?? 0) + (fields[12] ?? 0)) / TICKS_PER_SECOND,
  };
}

function numbers(text: string): number[] {
  return text.trim().split(/\s+/).map(Number);
}

function sum(values: readonly number[]): number {
  return values.reduce((total, value) => total + value, 0);
}
