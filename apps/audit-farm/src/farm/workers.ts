/** The workers of one audit, wherever they run. */
export interface Workers {
  /** They begin. */
  start(): Promise<void>;
  /** Rejects when they can't work, for a reason that trying again does not mend. */
  readonly failed: Promise<never>;
  /** They end, and give back what they have not finished. */
  close(): Promise<void>;
}
