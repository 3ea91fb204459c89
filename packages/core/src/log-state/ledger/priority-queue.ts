/** What can stand in a {@link PriorityQueue}: it remembers its place there. */
export interface Queued {
  /** Owned by the queue; -1 while it stands in none. */
  place: number;
}

/** A binary heap whose items can be taken out anywhere in O(log n). An item stands in one queue at a time. */
export class PriorityQueue<Item extends Queued> {
  readonly #items: Item[] = [];
  readonly #keyOf: (item: Item) => number;

  /** @param keyOf lower comes first. It must not change while the item stands in the queue. */
  constructor(keyOf: (item: Item) => number) {
    this.#keyOf = keyOf;
  }

  get size(): number {
    return this.#items.length;
  }

  peek(): Item | undefined {
    return this.#items[0];
  }

  push(item: Item): void {
    this.#items.push(item);
    this.#up(item, this.#items.length - 1);
  }

  pop(): Item | undefined {
    const first = this.#items[0];
    if (first) this.delete(first);
    return first;
  }

  delete(item: Item): void {
    const place = item.place;
    if (this.#items[place] !== item) return;
    item.place = -1;
    const last = this.#items.pop();
    if (!last || last === item) return;
    this.#up(last, place);
    this.#down(last, last.place);
  }

  #up(item: Item, from: number): void {
    let place = from;
    const key = this.#keyOf(item);
    while (place > 0) {
      const parentPlace = (place - 1) >>> 1;
      const parent = this.#items[parentPlace] as Item;
      if (this.#keyOf(parent) <= key) break;
      this.#put(parent, place);
      place = parentPlace;
    }
    this.#put(item, place);
  }

  #down(item: Item, from: number): void {
    let place = from;
    const key = this.#keyOf(item);
    for (;;) {
      let childPlace = 2 * place + 1;
      if (childPlace >= this.#items.length) break;
      const right = this.#items[childPlace + 1];
      if (right && this.#keyOf(right) < this.#keyOf(this.#items[childPlace] as Item)) childPlace++;
      const child = this.#items[childPlace] as Item;
      if (this.#keyOf(child) >= key) break;
      this.#put(child, place);
      place = childPlace;
    }
    this.#put(item, place);
  }

  #put(item: Item, place: number): void {
    this.#items[place] = item;
    item.place = place;
  }
}
