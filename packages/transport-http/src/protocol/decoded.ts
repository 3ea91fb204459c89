/** A part of a path as it was meant. What can't be decoded is no channel's name, and stays as it is. */
export function decoded(text: string): string {
  try {
    return decodeURIComponent(text);
  } catch {
    return text;
  }
}
