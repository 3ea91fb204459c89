const UNITS = ["B", "kB", "MB", "GB"];

/** Bytes as a person reads them. */
export function readableBytes(bytes: number): string {
  let [amount, unit] = [bytes, 0];
  for (; amount >= 1_000 && unit < UNITS.length - 1; unit += 1) amount /= 1_000;
  return `${unit === 0 ? amount : amount.toFixed(1)} ${UNITS[unit] ?? ""}`;
}

/** A number and what it counts. */
export function counted(count: number, one: string, many: string): string {
  return `${count} ${count === 1 ? one : many}`;
}
