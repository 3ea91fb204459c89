/** A value as JSON in which the order of fields tells nothing: equal values have the same text. */
export function canonicalText(value: unknown): string {
  return JSON.stringify(value, (_name, part: unknown) => sorted(part));
}

function sorted(value: unknown): unknown {
  if (typeof value !== "object" || value === null || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([left], [right]) => (left < right ? -1 : 1)));
}
