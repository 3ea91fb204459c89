/**
 * Remembers at least the newest so many entries, and at the most twice as many. Two maps take turns, because taking single old
 * entries out of one large map costs more with every one that was taken.
 */
export class BoundedMemory<Value> {
  readonly #size: number;
  #newer = new Map<string, Value>();
  #older: ReadonlyMap<string, Value> = new Map();

  constructor(size: number) {
    this.#size = size;
  }

  get(key: string): Value | undefined {
    return this.#newer.get(key) ?? this.#older.get(key);
  }

  set(key: string, value: Value): void {
    if (this.#newer.size >= this.#size) {
      this.#older = this.#newer;
      this.#newer = new Map();
    }
    this.#newer.set(key, value);
  }
}
