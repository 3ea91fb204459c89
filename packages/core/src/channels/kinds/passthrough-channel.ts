import { BaseChannel } from "../base-channel.js";

/** Data arrives by `write()` and is read or claimed; nothing runs beside it. The channel to begin with. */
export class PassthroughChannel<Content = unknown, Written = Content> extends BaseChannel<Content, Written> {
  static override readonly ownOptions: readonly string[] = [];
  readonly kind = "passthrough";
}
