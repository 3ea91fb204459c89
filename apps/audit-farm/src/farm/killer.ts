import type { WorkerProcesses } from "./worker-processes.js";

/** So many kills come on each worker, as a mean. */
const KILLS_A_WORKER = 4;

/** Kills workers at random while packages are finished, so that what is promised of workers that die can be seen. */
export class Killer {
  readonly #workers: WorkerProcesses;
  readonly #random: () => number;
  readonly #mean: number;
  #finishedUntilNext: number;

  /**
   * @param packages how many packages there are: the more, the fewer of them cost a worker its life.
   * @param random from 0 up to 1, such as `Math.random`.
   */
  constructor(workers: WorkerProcesses, count: number, packages: number, random: () => number) {
    this.#workers = workers;
    this.#random = random;
    this.#mean = Math.max(1, packages / (KILLS_A_WORKER * count));
    this.#finishedUntilNext = this.#draw();
  }

  /** A package is finished. */
  finished(): void {
    this.#finishedUntilNext -= 1;
    if (this.#finishedUntilNext > 0) return;
    if (this.#workers.killOne(this.#random)) this.#finishedUntilNext = this.#draw();
  }

  #draw(): number {
    return 1 + Math.floor(this.#random() * 2 * this.#mean);
  }
}
