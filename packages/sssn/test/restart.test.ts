import { mkdtempSync, rmSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { describe, expect, it, onTestFinished } from "vitest";
import { BaseSystem, BroadcastChannel, HttpTransport, JWTChannelSecurity, LevelMessageStore, silentLogger } from "../src/index.js";

const SECRET = "0123456789abcdef0123456789abcdef";
const logger = silentLogger;

describe("a host on a folder that is started again", () => {
  it("knows what was revoked before it takes a token, and the tickets that it has given out", async () => {
    const folder = mkdtempSync(join(tmpdir(), "sssn-restart-"));
    onTestFinished(() => rmSync(folder, { recursive: true, force: true }));
    const start = async () => {
      const store = new LevelMessageStore({ folder, logger });
      const security = new JWTChannelSecurity({ secret: SECRET, revocations: { store } });
      const system = new BaseSystem({ id: "host", logger });
      system.use(store);
      system.addChannel(new BroadcastChannel({ id: "news", store, security, logger, visibility: "public" }));
      const running = await system.publish({ transport: new HttpTransport({ port: 0, logger, tickets: { store } }) });
      onTestFinished(async () => void (await running.close({ timeoutMs: 2_000 })));
      const ask = (path: string, token?: string, method = "GET"): Promise<Response> =>
        fetch(`${running.addresses[0]}/channels/news${path}`, {
          method,
          ...(token === undefined ? {} : { headers: { authorization: `Bearer ${token}` } }),
        });
      return { security, running, ask };
    };
    const first = await start();
    const [good, revoked] = await Promise.all(
      [1, 2].map(() => first.security.generateToken({ systemId: "page", role: "watch", channels: ["news"] })),
    );
    const { jti, exp } = JSON.parse(Buffer.from(revoked?.split(".")[1] ?? "", "base64url").toString()) as { jti: string; exp: number };
    await first.security.revoke(jti, exp * 1_000);
    const { ticket } = (await (await first.ask("/stream/ticket", good, "POST")).json()) as { ticket: string };
    const stream = await first.ask(`/stream?ticket=${ticket}`);
    expect(stream.status).toBe(200);
    expect(await first.running.close()).toMatchObject({ clean: true, errors: [] });
    await stream.text();
    const second = await start();
    expect([(await second.ask("", revoked)).status, (await second.ask("", good)).status]).toEqual([401, 200]);
    const again = await second.ask(`/stream?ticket=${ticket}`);
    expect(again.status).toBe(200);
    expect(await second.running.close()).toMatchObject({ clean: true, errors: [] });
    await again.text();
  });
});
