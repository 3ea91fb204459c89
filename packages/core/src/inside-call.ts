/**
 * Knows whether somebody else's function is being called at this moment, so that what it calls back into can tell that it is not to wait
 * for its own end. It knows the synchronous part of a call only; what comes later is bounded by a deadline.
 */
export class InsideCall {
  #depth = 0;

  get isActive(): boolean {
    return this.#depth > 0;
  }

  run<Result>(call: () => Result): Result {
    this.#depth++;
    try {
      return call();
    } finally {
      this.#depth--;
    }
  }
}
