/** How two rows of times differ. */
export interface Comparison {
  readonly medianUs: number;
  readonly differenceOfMediansUs: number;
  /** Welch's t of what is not in the tail. */
  readonly t: number;
  /** Whether the difference is more than chance. */
  readonly differs: boolean;
}

/** The slowest tenth belongs to the machine: collections, interrupts, other programs. */
const KEPT = 0.9;
/** What those who look for leaks of time take for evidence. */
const MOST_T = 4.5;

/** Compares the means of what is left when the slowest are cut from both at one bound, which is drawn from both together. */
export function compare(one: readonly number[], other: readonly number[]): Comparison {
  const bound = quantile([...one, ...other], KEPT);
  const [left, right] = [one, other].map((times) => moments(times.filter((time) => time <= bound))) as [Moments, Moments];
  const error = Math.sqrt(left.variance / left.count + right.variance / right.count);
  const t = error === 0 ? 0 : (left.mean - right.mean) / error;
  const [medianOfOne, medianOfOther] = [quantile(one, 0.5), quantile(other, 0.5)];
  return {
    medianUs: round(medianOfOne),
    differenceOfMediansUs: round(medianOfOne - medianOfOther),
    t: round(t),
    differs: Math.abs(t) >= MOST_T,
  };
}

interface Moments {
  readonly count: number;
  readonly mean: number;
  readonly variance: number;
}

function moments(values: readonly number[]): Moments {
  const mean = values.reduce((sum, value) => sum + value, 0) / values.length;
  const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / (values.length - 1);
  return { count: values.length, mean, variance };
}

function quantile(values: readonly number[], share: number): number {
  const sorted = [...values].sort((left, right) => left - right);
  return sorted[Math.min(sorted.length - 1, Math.floor(sorted.length * share))] ?? 0;
}

function round(value: number): number {
  return Math.round(value * 100) / 100;
}
