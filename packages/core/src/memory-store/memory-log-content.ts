import { ClaimLedger } from "../log-state/ledger/claim-ledger.js";
import { storedOf, type KeptLedger } from "../log-state/ledger/kept-ledger.js";
import type { LogHeader, LogPart, PortableMessage } from "../log-state/portable/log-part.js";
import type { LogBody } from "../log-state/portable/whole-log.js";
import { randomToken } from "../log-state/random.js";
import type { Step } from "../log-state/ledger/step.js";
import type { LogPredecessor } from "../ports/message-store.js";
import { MemoryCursors } from "./memory-cursors.js";
import { MemoryMessages } from "./memory-messages.js";

/** So many messages, ids or cursors come at once. */
const PAGE = 1_000;

/** Everything that a log in memory keeps. */
export interface MemoryLogContent {
  readonly identity: string;
  readonly predecessors: readonly LogPredecessor[];
  readonly newestTimestamp: number;
  readonly messages: MemoryMessages;
  readonly cursors: MemoryCursors;
  readonly ledgers: Map<string, ClaimLedger>;
}

/** What a new log keeps: nothing. */
export function emptyContent(addressed: boolean): MemoryLogContent {
  return {
    identity: randomToken(),
    predecessors: [],
    newestTimestamp: 0,
    messages: new MemoryMessages(addressed),
    cursors: new MemoryCursors(),
    ledgers: new Map(),
  };
}

/** Takes a log apart. */
export function* partsOf({ identity, predecessors, newestTimestamp, messages, cursors, ledgers }: MemoryLogContent): Generator<LogPart> {
  const { addressed, last } = messages;
  const [removed, expired, superseded] = [[...messages.removed], [...messages.expired], [...messages.superseded]];
  yield { part: "log", header: { identity, predecessors, addressed, last, newestTimestamp, removed, expired, superseded } };
  for (let position = 0; position < last;) {
    const page = messages.scan(position, PAGE);
    ({ position } = page);
    if (page.messages.length > 0) yield { part: "messages", messages: page.messages.map((message) => portable(messages, message)) };
  }
  for (const ids of pagesOf(messages.rememberedIds())) yield { part: "ids", ids };
  for (const page of pagesOf(cursors.all())) yield { part: "cursors", cursors: page };
  for (const [group, ledger] of [...ledgers].sort(([left], [right]) => (left < right ? -1 : 1)))
    yield { part: "group", group, kept: ledger.kept() };
  yield { part: "end" };
}

function portable(messages: MemoryMessages, message: PortableMessage["message"]): PortableMessage {
  return messages.isLastOfName(message) ? { message, isLastOfName: true } : { message };
}

function* pagesOf<Item>(items: readonly Item[]): Generator<readonly Item[]> {
  for (let start = 0; start < items.length; start += PAGE) yield items.slice(start, start + PAGE);
}

/** A log in memory while its parts come in. */
export class MemoryLogMaker {
  readonly #header: LogHeader;
  readonly #messages: MemoryMessages;
  readonly #cursors = new MemoryCursors();
  readonly #groups = new Map<string, KeptLedger>();

  constructor(header: LogHeader) {
    this.#header = header;
    this.#messages = new MemoryMessages(header.addressed);
  }

  take(part: LogBody): void {
    if (part.part === "messages")
      for (const { message, isLastOfName } of part.messages) this.#messages.putBack(message, isLastOfName ?? false);
    else if (part.part === "ids") for (const remembered of part.ids) this.#messages.remember(remembered);
    else if (part.part === "cursors") for (const { owner, name, ...trace } of part.cursors) this.#cursors.set({ owner, name }, trace);
    else this.#groups.set(part.group, part.kept);
  }

  /** All parts are there. @param step what is done now. */
  finish(step: Step): MemoryLogContent {
    const { identity, predecessors, newestTimestamp } = this.#header;
    const [messages, cursors] = [this.#messages, this.#cursors];
    messages.finish(this.#header);
    const ledgers = [...this.#groups].map(([group, kept]) => {
      const ledger = new ClaimLedger(step, storedOf(kept));
      for (const retired of [messages.expired, messages.superseded]) ledger.orders.expireAll(retired, step);
      ledger.takeChanges();
      return [group, ledger] as const;
    });
    return { identity, predecessors, newestTimestamp, messages, cursors, ledgers: new Map(ledgers) };
  }
}
