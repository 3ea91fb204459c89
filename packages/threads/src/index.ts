export { inThread, type ThreadedHandler, type ThreadOptions } from "./in-thread.js";
export { type ThreadContext, type ThreadHandler } from "./verdict.js";
