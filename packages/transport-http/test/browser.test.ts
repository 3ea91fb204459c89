import { existsSync } from "node:fs";
import { fileURLToPath } from "node:url";
import { build } from "esbuild";
import { chromium } from "playwright-core";
import { BaseSystem, BroadcastChannel, MemoryMessageStore, WorkQueueChannel, silentLogger } from "@sssn/core";
import { JWTChannelSecurity } from "@sssn/security-jwt";
import { describe, expect, it, onTestFinished } from "vitest";
import { HttpTransport } from "../src/index.js";
import { SECRET } from "./support/published.js";

const BROWSER = [process.env["CHROMIUM"], "/usr/bin/chromium", "/usr/bin/chromium-browser", "/usr/bin/google-chrome"].find(
  (path) => path !== undefined && existsSync(path),
);
if (BROWSER === undefined)
  console.warn("NOT TESTED: the client in a browser. Install Debian's package chromium, or name a browser in CHROMIUM.");

/** What runs in the page: it is bundled as an application would bundle it. */
const PROGRAM = `
import { HttpChannel } from "@sssn/transport-http/client";
import { work } from "@sssn/core";
globalThis.run = async ({ url, token }) => {
  const logger = { debug() {}, info() {}, warn() {}, error() {} };
  let asked = 0;
  const source = () => (asked++, token);
  const news = new HttpChannel({ url, id: "news", token: source, logger });
  const seen = [];
  const subscription = await news.subscribe("", ({ content }) => void seen.push(content), { from: "start" });
  await Promise.all(Array.from({ length: 100 }, (_, index) => news.write("", index)));
  while (seen.length < 100) await new Promise((resolve) => setTimeout(resolve, 10));
  await subscription.close();
  const jobs = new HttpChannel({ url, id: "jobs", token: source, logger });
  await jobs.writeBatch("", [1, 2, 3].map((content) => ({ content })));
  const done = [];
  const worker = work(jobs, "", ({ content }) => void done.push(content), { logger });
  while (done.length < 3) await new Promise((resolve) => setTimeout(resolve, 10));
  const report = await worker.close();
  const { ticket } = await (await fetch(url + "/channels/news/stream/ticket", { method: "POST", headers: { authorization: "Bearer " + token } })).json();
  const plain = new EventSource(url + "/channels/news/stream?from=start&ticket=" + ticket);
  const first = await new Promise((resolve, reject) => { plain.onmessage = ({ lastEventId, data }) => resolve([lastEventId, JSON.parse(data).content]); plain.onerror = () => reject(new Error("EventSource failed")); });
  plain.close();
  let refused;
  await news.write("", () => 1).catch((error) => { refused = error.code; });
  return { seen, done, report, first, refused, asked, senders: [...new Set((await news.read("", { after: 0, limit: 200 })).messages.map(({ senderId }) => senderId))] };
};
`;

describe.skipIf(BROWSER === undefined)("the client in a browser", () => {
  it("writes, follows, works and resumes as it does in Node, from a page of another origin", async () => {
    const bundle = await build({
      stdin: { contents: PROGRAM, resolveDir: fileURLToPath(new URL("..", import.meta.url)) },
      bundle: true,
      minify: true,
      format: "iife",
      platform: "browser",
      write: false,
    });
    const script = bundle.outputFiles[0]?.text ?? "";
    const logger = silentLogger;
    const security = new JWTChannelSecurity({ secret: SECRET });
    const store = new MemoryMessageStore();
    const [pages, host] = [new BaseSystem({ id: "pages", logger }), new BaseSystem({ id: "host", logger })];
    const pageTransport = new HttpTransport({ port: 0, logger });
    pageTransport.app.get(
      "/page",
      (_request, response) =>
        void response
          .setHeader("content-type", "text/html; charset=utf-8")
          .end(`<!doctype html><script>${script.replaceAll("</script", "<\\/script")}</script>`),
    );
    const serving = await pages.publish({ transport: pageTransport });
    const [origin = ""] = serving.addresses;
    host.addChannel(new BroadcastChannel({ id: "news", store, security, logger, visibility: "public" }));
    host.addChannel(new WorkQueueChannel({ id: "jobs", store, security, logger, visibility: "public" }));
    const running = await host.publish({ transport: new HttpTransport({ port: 0, logger, corsOrigins: [origin] }) });
    const browser = await chromium.launch({
      ...(BROWSER === undefined ? {} : { executablePath: BROWSER }),
      args: [
        "--no-sandbox",
        "--disable-gpu",
        "--disable-quic",
        "--no-first-run",
        "--disable-background-networking",
        "--disable-component-update",
        "--disable-sync",
      ],
    });
    onTestFinished(async () => {
      await browser.close();
      await Promise.all([running.close({ timeoutMs: 2_000 }), serving.close({ timeoutMs: 2_000 })]);
    });
    const page = await browser.newPage();
    await page.goto(`${origin}/page`);
    const token = await security.generateToken({ systemId: "page", role: "write", channels: "*" });
    const result = await page.evaluate((input) => (globalThis as unknown as { run(input: unknown): Promise<unknown> }).run(input), {
      url: running.addresses[0] ?? "",
      token,
    });
    expect(result).toEqual({
      seen: Array.from({ length: 100 }, (_, index) => index),
      done: [1, 2, 3],
      report: { acknowledged: 3, failed: 0, lost: 0, dead: 0, cancelled: 0 },
      first: [expect.stringMatching(/^1@[0-9a-f]+$/), 0],
      refused: "invalid_content",
      asked: 2,
      senders: ["page"],
    });
  });
});
