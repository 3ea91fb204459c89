// What runs in each thread: it calls the handler, and sends back how that ended.
import { describe } from "@sssn/core";
import { verdictOf, type ThreadHandler, type ThreadTask, type Verdict } from "./verdict.js";

export default async function run({ module, message, deliveries, receipt }: ThreadTask): Promise<Verdict> {
  let reason: string | undefined;
  const context = { deliveries, receipt, deadLetter: (said: string) => void (reason = said) };
  try {
    await (
      await handlerOf(module)
    )(message, context);
  } catch (thrown) {
    return { ...verdictOf(thrown), ...(reason === undefined ? {} : { deadLetter: reason }) };
  }
  return reason === undefined ? {} : { deadLetter: reason };
}

async function handlerOf(module: string): Promise<ThreadHandler> {
  const { default: handler } = (await import(module)) as { readonly default?: unknown };
  // Not an SSSNError: a program that was put together wrongly must not make dead letters of all its jobs.
  if (typeof handler !== "function") throw new Error(`${module} must have a function as its default export, but has ${describe(handler)}.`);
  return handler as ThreadHandler;
}
