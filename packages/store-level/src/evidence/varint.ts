/** A number as LevelDB writes it: seven bits a byte, the lowest first. */
export function readVarint(bytes: Buffer, at: number): { readonly value: number; readonly end: number } | undefined {
  let value = 0;
  for (let index = at, factor = 1; index < bytes.length && index < at + 8; index++, factor *= 128) {
    const byte = bytes[index] ?? 0;
    value += (byte & 127) * factor;
    if (byte < 128) return { value, end: index + 1 };
  }
  return undefined;
}

/** A text as LevelDB writes it: its length, then its bytes. */
export function readText(bytes: Buffer, at: number): { readonly text: string; readonly end: number } | undefined {
  const length = readVarint(bytes, at);
  if (!length || length.end + length.value > bytes.length) return undefined;
  const end = length.end + length.value;
  return { text: bytes.toString("latin1", length.end, end), end };
}
