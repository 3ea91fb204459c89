const POOL_BYTES = 4096;
const TOKEN_BYTES = 10;
const TOKEN_DIGITS = 2 * TOKEN_BYTES;
const MOST_SEQUENCE_DIGITS = 11;
const HEX = Array.from({ length: 256 }, (_, byte) => byte.toString(16).padStart(2, "0"));

const pool = new Uint8Array(POOL_BYTES);
let used = POOL_BYTES;

/** 80 unguessable bits as 20 hexadecimal digits. Drawn from a pool, because asking the platform for each is what costs. */
export function randomToken(): string {
  if (used + TOKEN_BYTES > POOL_BYTES) {
    crypto.getRandomValues(pool);
    used = 0;
  }
  let token = "";
  for (let end = used + TOKEN_BYTES; used < end; used++) token += HEX[pool[used] ?? 0] ?? "";
  return token;
}

/** A unique token that says which sequence it belongs to, so that a log finds the message without an index. */
export function sequenceToken(sequence: number, random: string = randomToken()): string {
  return `${sequence.toString(36)}-${random}`;
}

/** The sequence in a text that has the form of {@link sequenceToken}; `undefined` for any other text. Digit by digit, because every settlement passes here. */
export function sequenceOfToken(token: string): number | undefined {
  const dash = token.length - TOKEN_DIGITS - 1;
  if (dash < 1 || dash > MOST_SEQUENCE_DIGITS || token[dash] !== "-") return undefined;
  let sequence = 0;
  for (let at = 0; at < dash; at++) {
    const digit = digitOf(token.charCodeAt(at));
    if (digit === undefined) return undefined;
    sequence = sequence * 36 + digit;
  }
  for (let at = dash + 1; at < token.length; at++) if ((digitOf(token.charCodeAt(at)) ?? 16) >= 16) return undefined;
  return Number.isSafeInteger(sequence) ? sequence : undefined;
}

/** The random part of a text that has the form of {@link sequenceToken}. */
export function randomPartOf(token: string): string {
  return token.slice(-TOKEN_DIGITS);
}

/** What a character stands for: `0` to `9`, and `a` to `z`. */
function digitOf(character: number): number | undefined {
  if (character >= 48 && character <= 57) return character - 48;
  return character >= 97 && character <= 122 ? character - 87 : undefined;
}
