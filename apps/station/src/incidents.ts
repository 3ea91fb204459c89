import type { ProcessUse, Reading } from "./machine/reading.js";

/** Something that somebody should look at. */
export interface Incident {
  readonly rule: string;
  readonly value: number;
  readonly limit: number;
  /** The reading that broke the rule. */
  readonly readingSequence: number;
}

/** What was found out about an incident. */
export interface Report extends Incident {
  readonly incidentId: string;
  readonly attempt: number;
  readonly processes: readonly ProcessUse[];
  readonly cpuBefore: readonly number[];
}

/** A note to an operator, or to all of them. */
export interface Notice {
  readonly text: string;
}

export interface Rule {
  readonly name: string;
  readonly limit: number;
  readonly valueOf: (reading: Reading) => number;
}

/** What the station watches for. The limits can be set from outside, to see it at work on a quiet machine. */
export function rules(limits: { readonly cpu: number; readonly memory: number; readonly disk: number }): readonly Rule[] {
  return [
    { name: "cpu", limit: limits.cpu, valueOf: ({ cpuShare }) => cpuShare },
    { name: "memory", limit: limits.memory, valueOf: ({ memoryShare }) => memoryShare },
    { name: "disk", limit: limits.disk, valueOf: ({ diskShare }) => diskShare },
  ];
}
