import { gzipSync } from "node:zlib";
import { silentLogger, type LogFields } from "@sssn/core";
import fc from "fast-check";
import { describe, expect, it } from "vitest";
import { post, publish, rawRequest, type Published } from "./support/published.js";

const GET = "GET /channels/orders HTTP/1.1\r\n";
const POST = "POST /channels/orders/messages HTTP/1.1\r\n";

/** Requests that no honest client sends, with `TOKEN` where a good token goes. */
const MALFORMED: readonly (readonly [string, string])[] = [
  ["nothing but an end of line", "\r\n\r\n"],
  ["garbage", "\x00\x01\x02\xff\xfe\r\n\r\n"],
  ["a TLS handshake", "\x16\x03\x01\x02\x00\x01\x00\x01\xfc\x03\x03"],
  ["HTTP/0.9", "GET /channels\r\n\r\n"],
  ["HTTP/1.0 without a host", "GET /channels HTTP/1.0\r\n\r\n"],
  ["the preface of HTTP/2", "PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n"],
  ["HTTP/9.9", "GET / HTTP/9.9\r\nHost: localhost\r\n\r\n"],
  ["no host", `${GET}\r\n`],
  ["an unknown method", "BREW /channels HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"],
  ["a method in small letters", "get /channels HTTP/1.1\r\nHost: localhost\r\n\r\n"],
  ["CONNECT", "CONNECT 127.0.0.1:1 HTTP/1.1\r\nHost: localhost\r\n\r\n"],
  ["TRACE", "TRACE /channels/orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"],
  ["OPTIONS *", "OPTIONS * HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"],
  ["an absolute URI", "GET http://evil.example/channels/orders HTTP/1.1\r\nHost: localhost\r\nConnection: close\r\n\r\n"],
  ["a URL of 100 000 characters", `GET /channels/${"a".repeat(100_000)} HTTP/1.1\r\nHost: localhost\r\n\r\n`],
  ["a header of 100 000 characters", `${GET}Host: localhost\r\nX-Long: ${"a".repeat(100_000)}\r\n\r\n`],
  ["5 000 headers", `${GET}Host: localhost\r\n${"X-Many: 1\r\n".repeat(5_000)}\r\n`],
  ["a header with a zero byte", `${GET}Host: localhost\r\nX: a\0b\r\n\r\n`],
  ["a header with a bare carriage return", `${GET}Host: localhost\r\nX: a\rInjected: b\r\n\r\n`],
  ["a folded header", `${GET}Host: localhost\r\nX: a\r\n b\r\nConnection: close\r\n\r\n`],
  ["a space before the colon", `${GET}Host: localhost\r\nAuthorization : Bearer TOKEN\r\nConnection: close\r\n\r\n`],
  [
    "two content lengths",
    `${POST}Host: localhost\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\nContent-Length: 13\r\nContent-Length: 14\r\n\r\n{"content":1}`,
  ],
  [
    "two equal content lengths",
    `${POST}Host: localhost\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\nContent-Length: 13, 13\r\nConnection: close\r\n\r\n{"content":1}`,
  ],
  ["a negative content length", `${POST}Host: localhost\r\nContent-Length: -1\r\n\r\n`],
  ["a content length with a sign", `${POST}Host: localhost\r\nContent-Length: +13\r\n\r\n{"content":1}`],
  ["a content length in hexadecimal", `${POST}Host: localhost\r\nContent-Length: 0x0d\r\n\r\n{"content":1}`],
  ["a content length beyond numbers", `${POST}Host: localhost\r\nContent-Length: 99999999999999999999999\r\n\r\n`],
  [
    "a content length and chunks",
    `${POST}Host: localhost\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\nContent-Length: 4\r\nTransfer-Encoding: chunked\r\n\r\nd\r\n{"content":1}\r\n0\r\n\r\n`,
  ],
  ["chunks that are not chunked last", `${POST}Host: localhost\r\nTransfer-Encoding: chunked, identity\r\n\r\n0\r\n\r\n`],
  ["an unknown transfer encoding", `${POST}Host: localhost\r\nTransfer-Encoding: xchunked\r\n\r\n`],
  ["two transfer encodings", `${POST}Host: localhost\r\nTransfer-Encoding: chunked\r\nTransfer-Encoding: identity\r\n\r\n0\r\n\r\n`],
  ["a chunk size beyond numbers", `${POST}Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\nffffffffffffffffffff\r\n`],
  ["a chunk size that is none", `${POST}Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\nzz\r\n`],
  ["a negative chunk", `${POST}Host: localhost\r\nTransfer-Encoding: chunked\r\n\r\n-1\r\n\r\n`],
  ["an upgrade", `${GET}Host: localhost\r\nUpgrade: websocket\r\nConnection: Upgrade, close\r\nSec-WebSocket-Key: x\r\n\r\n`],
  ["an expectation that nobody meets", `${POST}Host: localhost\r\nExpect: 200-maybe\r\nConnection: close\r\n\r\n`],
  [
    "a body ended before its length",
    `${POST}Host: localhost\r\nAuthorization: Bearer TOKEN\r\nContent-Type: application/json\r\nContent-Length: 5\r\nConnection: close\r\n\r\n{"a`,
  ],
];

/** Paths that try to get at the private channel `secret`. */
const PATHS: readonly string[] = [
  "/channels/secret",
  "/channels//secret",
  "//channels/secret",
  "/channels/./secret",
  "/channels/../channels/secret",
  "/channels/orders/../secret",
  "/channels/orders/..%2fsecret",
  "/channels/orders%2f..%2fsecret",
  "/channels/%2e%2e/secret",
  "/channels/%73ecret",
  "/channels/%73%65%63%72%65%74",
  "/channels/%2573ecret",
  "/channels/secret/",
  "/channels/secret//",
  "/channels/secret/.",
  "/channels/secret%00",
  "/channels/secret%00.json",
  "/channels/secret%20",
  "/channels/%20secret",
  "/channels/secret%09",
  "/channels/secret;x=1",
  "/channels/secret.json",
  "/channels/secret%23",
  "/channels/secret%3f",
  "/channels/secret%3fx",
  "/channels/SECRET",
  "/channels/Secret",
  "/CHANNELS/secret",
  "/Channels/secret",
  "/channels/s%C3%A9cret",
  "/channels/%EF%BD%93ecret",
  "/channels/secre%74%CC%80",
  "/channels/secret%E2%80%8B",
  "/channels/%E2%80%AEsecret",
  "/channels\\secret",
  "/channels/orders\\..\\secret",
  "/channels/secret%5c",
  "/channels/..%5csecret",
  "/channels/*",
  "/channels/%2a",
  "/channels/secret*",
  "/channels/[secret]",
  "/channels/{id}",
  "/channels/:id",
  "/channels/secret/messages",
  "/channels/secret/stats",
  "/channels/secret/stream",
  "/channels/secret/history",
  "/channels/secret/positions",
  "/channels/secret/dead-letters",
  "/channels/secret/claims",
  "/channels/secret/..%2forders",
  "/channels/orders,secret",
  "/channels/orders%2csecret",
  "/channels/secret?id=orders",
  "/channels/secret%0d%0aX:%201",
  "/channels/secret%0a",
  "/channels/secret%ff",
  "/channels/%ff%fe",
  "/channels/%c0%ae%c0%ae/secret",
  "/channels/%u0073ecret",
  "/channels/secret%",
  "/channels/secret%2",
  "/channels/%",
  "/channels/%%",
  "/channels/__proto__",
  "/channels/constructor",
  "/channels/prototype",
  "/channels/toString",
  "/channels/hasOwnProperty",
  "/channels/__proto__/messages",
  "/channels/undefined",
  "/channels/null",
  "/channels/NaN",
  "/channels/0",
  "/channels/-1",
  "/channels/%00",
  "/channels/.",
  "/channels/..",
  "/channels/...",
  "/channels/~",
  "/channels/%2e",
  "/channels/a/b/c",
  "/channels/a%2fb",
  "/channels/etc/passwd",
  "/channels/..%2f..%2fetc%2fpasswd",
  "/channels/secret@orders",
  "/channels/orders@secret",
  "/channels/secret+",
  "/channels/+secret",
];

async function stillWorks(host: Published): Promise<void> {
  const answer = await host.fetch("/channels/orders", await host.token("read"));
  expect(answer.status).toBe(200);
}

describe("malformed requests", () => {
  it.each(MALFORMED)("%s: no 5xx, no message stored, and the server goes on", async (_what, text) => {
    const host = await publish();
    // What waits for the rest of a request would be cut by a time limit; here it is told that nothing more comes, once others were served.
    const answer = await rawRequest(host.url, Buffer.from(text.replace("TOKEN", await host.token("admin")), "latin1"), () =>
      stillWorks(host),
    );
    expect(answer).not.toMatch(/^HTTP\/1\.1 (5|2(?!0[01] ))/);
    expect(answer).not.toMatch(/at .*\.(js|ts)|node:internal/);
    expect((await host.system.client.read("orders", { after: 0 })).messages.length).toBeLessThanOrEqual(
      answer.startsWith("HTTP/1.1 201") ? 1 : 0,
    );
    await stillWorks(host);
  });

  it("never leave a second request in what one of them sends", async () => {
    const host = await publish();
    const smuggled = `${POST}Host: localhost\r\nAuthorization: Bearer ${await host.token("admin")}\r\nContent-Type: application/json\r\nContent-Length: 30\r\nTransfer-Encoding: chunked\r\n\r\n0\r\n\r\nGET /healthz HTTP/1.1\r\nHost: localhost\r\n\r\n`;
    const answer = await rawRequest(host.url, smuggled);
    expect(answer.match(/HTTP\/1\.1 /g)).toHaveLength(1);
    expect(answer).toMatch(/^HTTP\/1\.1 400/);
  });
});

describe("paths that try to get at a private channel", () => {
  it.each(PATHS)("%s", async (path) => {
    const host = await publish();
    await host.system.client.write("secret", "hidden");
    const token = await host.token("admin");
    for (const method of ["GET", "POST"]) {
      const answer = await rawRequest(
        host.url,
        `${method} ${path} HTTP/1.1\r\nHost: localhost\r\nAuthorization: Bearer ${token}\r\nContent-Length: 0\r\nConnection: close\r\n\r\n`,
      );
      expect(answer).toMatch(/^HTTP\/1\.1 40[045]/);
      expect(answer).not.toContain("hidden");
      const body = answer.split("\r\n\r\n")[1] ?? "";
      expect(body).not.toContain("secret");
    }
  });

  it("tell nothing by their answers: a private and a missing channel give the same, on every route", async () => {
    const host = await publish();
    const token = await host.token("admin");
    const shape = async (path: string): Promise<unknown> => {
      const { status, body, headers } = await host.fetch(path, token);
      const kept: Record<string, string> = {};
      headers.forEach((value, name) => {
        if (name !== "x-request-id" && name !== "date") kept[name] = value;
      });
      return { status, body, headers: kept };
    };
    for (const rest of ["", "/messages", "/stream", "/stats", "/nothing"])
      expect(await shape(`/channels/secret${rest}`)).toEqual(await shape(`/channels/absent${rest}`));
    for (const bad of [undefined, "garbage"])
      expect((await host.fetch("/channels/secret", bad)).body).toEqual((await host.fetch("/channels/absent", bad)).body);
  });
});

describe("hostile JSON", () => {
  it("pollutes no prototype, and comes back as it was sent or is refused", async () => {
    const host = await publish();
    const token = await host.token("admin");
    const texts = [
      '{"content":{"__proto__":{"polluted":1}}}',
      '{"content":{"constructor":{"prototype":{"polluted":1}}}}',
      '{"content":1,"metadata":{"__proto__":{"polluted":1}}}',
      '{"__proto__":{"content":1}}',
      '{"content":1,"__proto__":{"id":"x"}}',
      '{"content":1,"constructor":{"prototype":{"polluted":1}}}',
    ];
    for (const body of texts)
      expect((await host.fetch("/channels/orders/messages", token, { method: "POST", body })).status).toBeLessThan(500);
    expect(({} as Record<string, unknown>)["polluted"]).toBeUndefined();
    const page = await fetch(`${host.url}/channels/orders/messages`, { headers: { authorization: `Bearer ${token}` } }).then((response) =>
      response.text(),
    );
    expect(page).toContain('"content":{"__proto__":{"polluted":1}}');
    expect(
      await host.fetch("/channels/orders/messages", token, post({ content: 1, metadata: JSON.parse('{"__proto__":1}') as unknown })),
    ).toMatchObject({ status: 201 });
  });

  it.each<[string, string | Uint8Array, number]>([
    ["2^53, which a double holds", '{"content":9007199254740992}', 201],
    ["2^53 + 1", '{"content":9007199254740993}', 400],
    ["-2^53 - 1", '{"content":{"a":[-9007199254740993]}}', 400],
    ["a row of digits in a text", '{"content":"9007199254740993 \\" 9007199254740993"}', 201],
    ["a fraction with many digits", '{"content":0.12345678901234567890}', 201],
    ["1e400", '{"content":1e400}', 400],
    ["NaN", '{"content":NaN}', 400],
    ["a comment", '{"content":1/* */}', 400],
    ["two values", '{"content":1}{"content":2}', 400],
    ["a byte order mark", '\uFEFF{"content":1}', 400],
    ["bytes that are no UTF-8", new Uint8Array([0x7b, 0x22, 0x63, 0xff, 0xfe, 0x7d]), 400],
    ["a lone surrogate", '{"content":"\\ud800"}', 201],
    ["nesting of 100 000", `{"content":${"[".repeat(100_000)}${"]".repeat(100_000)}}`, 400],
    ["nesting of 100", `{"content":${"[".repeat(100)}${"]".repeat(100)}}`, 201],
    ["100 000 members", `{"content":{${Array.from({ length: 100_000 }, (_, index) => `"k${index}":1`).join(",")}}}`, 413],
    ["10 001 messages at once", `{"messages":[${Array.from({ length: 10_001 }, () => '{"content":1}').join(",")}]}`, 400],
  ])("%s", async (what, body, status) => {
    const host = await publish({ maxBodyBytes: 8 * 1024 * 1024 });
    const path = what.includes("at once") ? "/channels/orders/messages/batch" : "/channels/orders/messages";
    expect((await host.fetch(path, await host.token("write"), { method: "POST", body: body as string })).status).toBe(status);
  });

  it("of any kind is stored as it is, or refused as a whole", async () => {
    const host = await publish();
    const token = await host.token("admin");
    await fc.assert(
      fc.asyncProperty(fc.json(), async (text) => {
        const { status, body } = await host.fetch("/channels/orders/messages", token, { method: "POST", body: `{"content":${text}}` });
        expect(status).toBeLessThan(500);
        if (status !== 201) return;
        const { sequence } = body as { sequence: number };
        const { messages } = (await host.fetch(`/channels/orders/messages?after=${sequence - 1}&limit=1`, token)).body as {
          messages: { content: unknown }[];
        };
        expect(messages[0]?.content).toEqual(JSON.parse(text));
      }),
      { numRuns: 200 },
    );
  });

  it("that is compressed is refused before anything of it is unpacked", async () => {
    const host = await publish();
    const bomb = gzipSync(Buffer.alloc(50_000_000, " "));
    for (const encoding of ["gzip", "br", "deflate", "zstd", "gzip, gzip", "identity, gzip"]) {
      expect(
        (
          await host.fetch("/channels/orders/messages", await host.token("write"), {
            method: "POST",
            body: bomb as unknown as string,
            headers: { "content-encoding": encoding },
          })
        ).status,
      ).toBe(415);
    }
  });
});

describe("texts in requests", () => {
  it("can't forge a log line or smuggle a control character into one", async () => {
    const lines: string[] = [];
    const write = (fields: LogFields, text: string): void => void lines.push(JSON.stringify({ ...fields, text }));
    const host = await publish({ logger: { ...silentLogger, info: write, warn: write, error: write } });
    const token = await host.token("admin");
    const nasty = ['%0d%0a{"level":60}', "%1b[31m", "%E2%80%A8", "%E2%80%AE", "a".repeat(5_000)];
    for (const text of nasty) {
      await host.fetch(`/channels/${text}`, token);
      await host.fetch(`/${text}`, token);
      await host.fetch("/channels/orders", token, { headers: { "user-agent": text, "x-request-id": text, referer: text } });
      await host.fetch("/channels/orders/messages", token, post({ content: 1, id: decodeURIComponent(text) }));
    }
    await expect.poll(() => lines.length).toBe(nasty.length * 4);
    for (const line of lines) {
      expect(line.length).toBeLessThan(600);
      expect(line).not.toMatch(/[\p{Cc}\u2028\u2029\u202E]/u);
      expect(line).not.toContain(token);
    }
  });

  it("are matched in time that grows with their length and no faster", async () => {
    const host = await publish();
    const token = await host.token("admin");
    const long = 30_000;
    for (const text of [
      "a".repeat(long),
      `${"a".repeat(long)}!`,
      "1".repeat(long),
      "%20".repeat(long / 3),
      ".".repeat(long),
      "_-".repeat(long / 2),
    ]) {
      for (const body of [
        { content: 1, id: text },
        { content: 1, correlationId: text },
      ])
        expect((await host.fetch("/channels/orders/messages", token, post(body))).status).toBe(400);
      expect((await host.fetch("/channels/orders/claims/acknowledge", token, post({ receipts: [text] }))).status).toBe(400);
    }
  });
});
