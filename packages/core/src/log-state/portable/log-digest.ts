import { canonicalText } from "../canonical-text.js";
import type { LogPart, PortableLogs } from "./log-part.js";
import { mapSteadyTimes } from "./steady-times.js";

/** So many characters are digested at once. */
const BLOCK = 64 * 1024;

/**
 * The SHA-256 of a log, over everything that is in its parts, however many come at once. Moments on the clock of leases and delays count by how far they are apart, so that a log and its copy on
 * another clock have the same.
 */
export class LogDigest {
  #digest = "";
  #block = "";
  #previous: number | undefined;

  async add(part: LogPart): Promise<void> {
    for (const text of textsOf(mapSteadyTimes(part, (at) => this.#distance(at)))) {
      this.#block += `${part.part} ${text}\n`;
      if (this.#block.length >= BLOCK) await this.#fold();
    }
  }

  /** The digest of all that was added, in hexadecimal digits. */
  async end(): Promise<string> {
    await this.#fold();
    return this.#digest;
  }

  async #fold(): Promise<void> {
    const bytes = new TextEncoder().encode(`${this.#digest}\n${this.#block}`);
    this.#block = "";
    const digest = await crypto.subtle.digest("SHA-256", bytes);
    this.#digest = [...new Uint8Array(digest)].map((byte) => byte.toString(16).padStart(2, "0")).join("");
  }

  #distance(at: number): number {
    const distance = at - (this.#previous ?? at);
    this.#previous = at;
    return distance;
  }
}

/** What is in a part, piece by piece. */
function textsOf(part: LogPart): readonly string[] {
  switch (part.part) {
    case "log":
      return [canonicalText(part.header)];
    case "messages":
      return part.messages.map(canonicalText);
    case "ids":
      return part.ids.map(canonicalText);
    case "cursors":
      return part.cursors.map(canonicalText);
    case "group":
      return [canonicalText([part.group, part.kept])];
    case "end":
      return [""];
  }
}

/** The digest of a log as it is now. */
export async function digestLog(logs: PortableLogs, channelId: string, signal?: AbortSignal): Promise<string> {
  const digest = new LogDigest();
  for await (const part of logs.exportLog(channelId)) {
    signal?.throwIfAborted();
    await digest.add(part);
  }
  return digest.end();
}
