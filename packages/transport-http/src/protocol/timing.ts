/** How often a stream says that it is alive, in ms. */
export const KEEP_ALIVE_MS = 15_000;
