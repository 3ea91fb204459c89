import { SSSNError } from "@sssn/core";

/**
 * Parses JSON, and refuses whole numbers that a double can't hold: parsing would change them without a word. Of a member that stands
 * in an object twice, the last one counts.
 *
 * @throws SSSNError `invalid_content`.
 */
export function parseJson(text: string): unknown {
  let value: unknown;
  try {
    value = JSON.parse(text);
  } catch {
    throw new SSSNError("invalid_content", "The body is not valid JSON.", { details: { path: "body" } });
  }
  // Only a long row of digits can be such a number, so most texts need no second look.
  if (LONG_DIGITS.test(text)) refuseInexact(text);
  return value;
}

const LONG_DIGITS = /\d{16}/;
const QUOTE_OR_NUMBER = /"|-?\d+(?:\.\d+)?(?:[eE][+-]?\d+)?/g;

function refuseInexact(text: string): void {
  for (const token of numbersIn(text)) {
    // One that is spelt as it would be told again has lost nothing: a writer in this process may give it as well.
    if (/[.eE]/.test(token) || Number.isSafeInteger(Number(token)) || String(Number(token)) === token) continue;
    throw new SSSNError(
      "invalid_content",
      `The number ${token.length > 40 ? `${token.slice(0, 40)}…` : token} can't be kept exactly. Send it as text.`,
      { details: { path: "body" } },
    );
  }
}

/** The numbers in a valid JSON text, as they are spelt. */
function* numbersIn(text: string): Iterable<string> {
  QUOTE_OR_NUMBER.lastIndex = 0;
  for (let match = QUOTE_OR_NUMBER.exec(text); match; match = QUOTE_OR_NUMBER.exec(text)) {
    if (match[0] === '"') QUOTE_OR_NUMBER.lastIndex = endOfString(text, match.index);
    else yield match[0];
  }
}

function endOfString(text: string, start: number): number {
  for (let quote = text.indexOf('"', start + 1); ; quote = text.indexOf('"', quote + 1)) {
    let backslashes = 0;
    while (text[quote - 1 - backslashes] === "\\") backslashes++;
    if (backslashes % 2 === 0) return quote + 1;
  }
}
