/** A place in a line. */
export interface Turn {
  /** Resolves when everybody before has passed. */
  readonly comes: Promise<void>;
  /** Lets the next one come. */
  readonly pass: () => void;
}

/** For what needs no line: it comes at once. */
export const NO_TURN: Turn = { comes: Promise.resolve(), pass: () => {} };

/** A line: whoever takes a turn comes after all that took one before. */
export class Turns {
  #last: Promise<void> = Promise.resolve();

  take(): Turn {
    const comes = this.#last;
    let pass = (): void => {};
    const passed = new Promise<void>((resolve) => {
      pass = resolve;
    });
    this.#last = comes.then(() => passed);
    return { comes, pass };
  }
}
