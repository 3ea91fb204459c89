/** Compares texts by their code units: the same on every machine, whatever its language. */
export function byText(left: string, right: string): number {
  if (left === right) return 0;
  return left < right ? -1 : 1;
}

/** Each text once, in order. */
export function sortedOnce(texts: Iterable<string>): string[] {
  return [...new Set(texts)].sort(byText);
}
