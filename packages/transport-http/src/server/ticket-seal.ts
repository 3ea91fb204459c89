import { createCipheriv, createDecipheriv, hkdfSync, randomBytes } from "node:crypto";

const TEXT_BYTES = 24;
const TEXT = /^[0-9a-f]{48}$/;
const [ID_BYTES, KEY_BYTES, NONCE_BYTES, TAG_BYTES] = [32, 32, 12, 16];

/** What a ticket stands for. */
export interface TicketContent {
  readonly channelId: string;
  readonly credential: string;
}

/** What is made of a ticket's text. None of it leads back to the text, and the id does not lead to the key. */
export interface TicketParts {
  /** Under which a ticket is noted where others may see it. */
  readonly id: string;
  readonly key: Buffer;
  readonly nonce: Buffer;
}

export function newTicketText(): string {
  return randomBytes(TEXT_BYTES).toString("hex");
}

/** @returns `undefined` for what can be no ticket. */
export function partsOfTicket(text: string): TicketParts | undefined {
  if (!TEXT.test(text)) return undefined;
  const derived = Buffer.from(hkdfSync("sha256", text, "", "sssn ticket 1", ID_BYTES + KEY_BYTES + NONCE_BYTES));
  return {
    id: derived.toString("hex", 0, ID_BYTES),
    key: derived.subarray(ID_BYTES, ID_BYTES + KEY_BYTES),
    // The key seals one text only, so that its nonce may come from the same place.
    nonce: derived.subarray(ID_BYTES + KEY_BYTES),
  };
}

/** Seals what a ticket stands for, so that only who has the ticket can read it. */
export function sealTicket({ id, key, nonce }: TicketParts, { channelId, credential }: TicketContent): string {
  const cipher = createCipheriv("aes-256-gcm", key, nonce).setAAD(Buffer.from(id));
  const sealed = Buffer.concat([cipher.update(JSON.stringify([channelId, credential])), cipher.final()]);
  return Buffer.concat([sealed, cipher.getAuthTag()]).toString("base64url");
}

/** @returns `undefined` for what was not sealed with this ticket, or was changed since. */
export function openTicket({ id, key, nonce }: TicketParts, text: string): TicketContent | undefined {
  const bytes = Buffer.from(text, "base64url");
  if (bytes.length < TAG_BYTES) return undefined;
  const decipher = createDecipheriv("aes-256-gcm", key, nonce, { authTagLength: TAG_BYTES });
  decipher.setAAD(Buffer.from(id)).setAuthTag(bytes.subarray(-TAG_BYTES));
  try {
    const opened: unknown = JSON.parse(Buffer.concat([decipher.update(bytes.subarray(0, -TAG_BYTES)), decipher.final()]).toString());
    if (!Array.isArray(opened)) return undefined;
    const [channelId, credential] = opened as unknown[];
    return typeof channelId === "string" && typeof credential === "string" ? { channelId, credential } : undefined;
  } catch {
    return undefined;
  }
}
