import { subscribe, unsubscribe } from "node:diagnostics_channel";
import type { ServerResponse } from "node:http";
import { VirtualClock } from "@sssn/core/testing";
import { describe, expect, it, onTestFinished, vi } from "vitest";
import { publish, type Published } from "./support/published.js";

/** Counts the answers of the servers of this process whose clients have hung up, from now on. */
function hangUps(): () => number {
  let count = 0;
  const listen = (message: unknown): void => {
    const { response } = message as { response: ServerResponse };
    response.once("close", () => void (response.writableFinished || count++));
  };
  subscribe("http.server.request.start", listen);
  onTestFinished(() => void unsubscribe("http.server.request.start", listen));
  return () => count;
}

/** Makes the next decision about a request wait. */
function slowDecision({ security }: Published): { isAsked(): boolean; decide(): void } {
  const authorize = security.authorizeRequest.bind(security);
  let decide = (): void => {};
  const decided = new Promise<void>((resolve) => (decide = resolve));
  const spy = vi.spyOn(security, "authorizeRequest").mockImplementationOnce(async (...request) => {
    await decided;
    return authorize(...request);
  });
  return { isAsked: () => spy.mock.calls.length > 0, decide };
}

/** Asks for something, and hangs up while it is decided whether that may be; then it is decided. */
async function hangUpDuringDecision(host: Published, path: string, token: string): Promise<void> {
  const gone = hangUps();
  const { isAsked, decide } = slowDecision(host);
  const leaving = new AbortController();
  const answer = host.fetch(path, token, { signal: leaving.signal });
  await expect.poll(isAsked).toBe(true);
  leaving.abort();
  await expect(answer).rejects.toThrow();
  await expect.poll(gone).toBe(1);
  decide();
}

describe("who hangs up while it is decided whether they may", () => {
  it("is sent no stream", async () => {
    const host = await publish();
    const news = host.system.channels.find(({ id }) => id === "news");
    if (!news) throw new Error("there is no such channel");
    const [positions, pages] = [vi.spyOn(news, "positions"), vi.spyOn(news, "pages")];
    const token = await host.token("read");
    await hangUpDuringDecision(host, "/channels/news/stream", token);
    await expect.poll(() => positions.mock.results.length).toBe(1);
    // What would have been begun is begun by the time that a later request is answered.
    expect((await host.fetch("/channels", token)).status).toBe(200);
    expect(pages).not.toHaveBeenCalled();
  });

  it("is not waited for", async () => {
    const clock = new VirtualClock();
    const host = await publish({ clock });
    const token = await host.token("observe");
    const { revision } = (await host.fetch("/topology", token)).body as { revision: number };
    const timers = clock.pendingTimers;
    const looks = vi.spyOn(host.security, "authorizeRequest").mock;
    await hangUpDuringDecision(host, `/topology?after=${revision}&waitMs=60000`, token);
    const known = host.system.channels.filter(({ visibility }) => visibility === "public").length;
    // For each channel, before the request is looked at, and with the topology.
    await expect.poll(() => looks.results.length).toBeGreaterThanOrEqual(2 * known);
    expect((await host.fetch("/channels", token)).status).toBe(200);
    expect(clock.pendingTimers).toBe(timers);
  });
});
