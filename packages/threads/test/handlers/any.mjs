// Does what its message says.
import { performance } from "node:perf_hooks";
import process from "node:process";
import { setTimeout } from "node:timers";
import { SSSNError } from "@sssn/core";

const DOES = {
  nothing: () => {},
  fails: () => {
    throw new TypeError("no such thing");
  },
  "fails asynchronously": () => Promise.reject(new Error("later")),
  "throws no error": () => {
    throw "a text";
  },
  "is useless": () => {
    throw new SSSNError("content_rejected", "what is that?", { details: { why: "no idea" } });
  },
  "gives up": (_content, { deadLetter }) => deadLetter("not in stock"),
  exits: () => process.exit(0),
  "exits later": () => new Promise(() => setTimeout(() => process.exit(1), 1)),
  crashes: () =>
    new Promise(() => {
      setTimeout(() => {
        throw new Error("nobody catches this");
      }, 1);
    }),
  "takes all memory": () => {
    const all = [];
    for (;;) all.push(new Array(100_000).fill(all.length));
  },
  "never ends": () => {
    for (;;);
  },
  "computes for long": ({ ms }) => {
    for (const end = performance.now() + ms; performance.now() < end;);
  },
};

/** @param {{ content: { does: string } }} message @param {object} context */
export default function handle({ content }, context) {
  return DOES[content.does](content, context);
}
