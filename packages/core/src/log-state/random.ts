const POOL_BYTES = 4096;
const TOKEN_BYTES = 10;
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

const SEQUENCE_TOKEN = /^([0-9a-z]{1,11})-[0-9a-f]{20}$/;

/** The sequence in a text that has the form of {@link sequenceToken}; `undefined` for any other text. */
export function sequenceOfToken(token: string): number | undefined {
  const digits = SEQUENCE_TOKEN.exec(token)?.[1];
  if (digits === undefined) return undefined;
  const sequence = Number.parseInt(digits, 36);
  return Number.isSafeInteger(sequence) ? sequence : undefined;
}
