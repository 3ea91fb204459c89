import type { LogOptions } from "../../ports/message-store.js";
import { BaseChannel } from "../base-channel.js";

/** A reader sees what is addressed to it, or to nobody in particular, through every door; only an admin sees others' mail. */
export class MailboxChannel<Content = unknown, Written = Content> extends BaseChannel<Content, Written> {
  static override readonly ownOptions: readonly string[] = [];
  readonly kind = "mailbox";

  protected override logOptions(): LogOptions {
    return { ...super.logOptions(), addressed: true };
  }

  protected override audienceOf(readerId: string): string {
    return readerId;
  }
}
