/** One look at the machine. Shares are from 0 to 1, sizes in bytes, rates per second. */
export interface Reading {
  /** Where the figures are from: `proc` is Linux, `os` the portable fallback. */
  readonly source: "proc" | "os";
  readonly cpuShare: number;
  readonly loadAverage: number;
  readonly memoryShare: number;
  readonly memoryUsed: number;
  readonly diskShare: number;
  readonly diskReadRate: number;
  readonly diskWriteRate: number;
  readonly networkReceiveRate: number;
  readonly networkSendRate: number;
}

/** A process that uses the machine. */
export interface ProcessUse {
  readonly pid: number;
  readonly name: string;
  readonly memory: number;
  readonly cpuSeconds: number;
}
