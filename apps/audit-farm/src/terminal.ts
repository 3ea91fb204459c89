/** Where a program writes what a person reads: the part of `process.stdout` that is needed. */
export interface Output {
  readonly isTTY?: boolean;
  readonly columns?: number;
  write(text: string): unknown;
}

const BAR_WIDTH = 30;
/** Plain lines come at every tenth. */
const PARTS = 10;
const ERASE_LINE = "\r\u001B[2K";

/** Shows how far something is: as a bar that moves where there is a terminal, and as plain lines elsewhere. */
export class ProgressDisplay {
  readonly #output: Output;
  #total = 0;
  #finished = 0;
  #activity = "";
  #partShown = 0;
  #isBarShown = false;

  constructor(output: Output) {
    this.#output = output;
  }

  /** Whether a person watches a bar. */
  get isMoving(): boolean {
    return this.#output.isTTY === true;
  }

  begin(total: number): void {
    this.#total = total;
    this.#draw();
  }

  advance(finished: number): void {
    this.#finished = finished;
    this.#draw();
  }

  /** What is being done just now; only a bar shows it. */
  show(activity: string): void {
    this.#activity = activity;
    if (this.isMoving && this.#isBarShown) this.#draw();
  }

  /** A line of its own. */
  note(line: string): void {
    this.#output.write(`${this.#isBarShown ? ERASE_LINE : ""}${line}\n`);
    if (this.#isBarShown) this.#draw();
  }

  /** The bar goes. */
  end(): void {
    if (this.#isBarShown) this.#output.write(ERASE_LINE);
    this.#isBarShown = false;
  }

  #draw(): void {
    const share = this.#total === 0 ? 1 : this.#finished / this.#total;
    if (this.isMoving) return this.#drawBar(share);
    const part = Math.floor(share * PARTS);
    if (part <= this.#partShown) return;
    this.#partShown = part;
    this.#output.write(`${this.#finished} of ${this.#total} packages (${Math.floor(share * 100)} %)\n`);
  }

  #drawBar(share: number): void {
    const full = Math.round(share * BAR_WIDTH);
    const bar = `[${"#".repeat(full)}${".".repeat(BAR_WIDTH - full)}] ${this.#finished}/${this.#total}  ${this.#activity}`;
    // A line that wraps could not be erased.
    this.#output.write(`${ERASE_LINE}${bar.slice(0, (this.#output.columns ?? 80) - 1)}`);
    this.#isBarShown = true;
  }
}
