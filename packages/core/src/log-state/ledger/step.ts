import { randomToken } from "../random.js";

/** When a step of a ledger happens, and what makes the names that it gives unguessable. Both come from whoever drives the ledger, so that the same steps have the same outcome wherever they are taken. */
export interface Step {
  /** Steady time in ms since the epoch. */
  readonly now: number;
  /** 80 unguessable bits as 20 hexadecimal digits. */
  readonly token: string;
}

/** A step that is taken here and now. Its token is drawn when it is asked for: most steps give no names. */
export class FreshStep implements Step {
  readonly now: number;
  #token: string | undefined;

  constructor(now: number) {
    this.now = now;
  }

  get token(): string {
    return (this.#token ??= randomToken());
  }
}
