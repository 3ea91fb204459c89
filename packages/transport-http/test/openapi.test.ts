import { Ajv2020 } from "ajv/dist/2020.js";
import { describe, expect, it } from "vitest";
import { openApiDocument } from "../src/index.js";
import { routeTable } from "../src/protocol/openapi.js";
import { ROUTES } from "../src/protocol/routes.js";
import { readFile } from "node:fs/promises";
import { post, publish, type Answer, type Published } from "./support/published.js";

interface Described {
  readonly name: string;
  readonly security: readonly object[];
}

interface Operation {
  readonly responses: Readonly<
    Record<string, { readonly description?: string; readonly content: Readonly<Record<string, { readonly schema: object }>> }>
  >;
}

const description = openApiDocument() as unknown as {
  readonly openapi: string;
  readonly paths: Readonly<Record<string, Readonly<Record<string, Operation>>>>;
  readonly components: { readonly schemas: Readonly<Record<string, object>> };
};
const ajv = new Ajv2020({ strict: true, allErrors: true, keywords: ["x-error", "components"] });
ajv.addSchema({ $id: "api", components: { schemas: description.components.schemas } } as object, "api");

/** Checks an answer against what the description says of its route. */
function hold(path: string, method: string, { status, body, headers }: Answer): void {
  const responses = description.paths[path]?.[method]?.responses ?? {};
  const content = (responses[String(status)] ?? responses["default"])?.content ?? {};
  const type = headers.get("content-type")?.split(";")[0] ?? "";
  const schema = content[type]?.schema;
  if (!schema) throw new Error(`${method} ${path} answered ${status} with ${type}, of which the description knows nothing`);
  const validate = ajv.compile(JSON.parse(JSON.stringify(schema).replaceAll('"#/components', '"api#/components')) as object);
  if (!validate(body)) throw new Error(`${method} ${path} ${status}: ${ajv.errorsText(validate.errors)} in ${JSON.stringify(body)}`);
}

/** One good request of each route, in an order in which each finds what it needs. */
async function goodRequests(host: Published): Promise<Map<string, Answer>> {
  const admin = await host.token("admin");
  const answers = new Map<string, Answer>();
  const ask = async (route: keyof typeof ROUTES, channel: string, body?: unknown, query = ""): Promise<Answer> => {
    const { method, path } = ROUTES[route];
    const answer = await host.fetch(`/channels/${channel}${path}${query}`, admin, method === "POST" ? post(body ?? {}) : {});
    hold(`/channels/{id}${path}`, method.toLowerCase(), answer);
    answers.set(route, answer);
    return answer;
  };
  await ask("info", "orders");
  await ask("write", "orders", { content: { a: 1 }, id: "one", correlationId: "c", replyTo: "r", recipientId: "p", metadata: { m: 1 } });
  await ask("writeBatch", "orders", { messages: [{ content: 1 }, { content: null }] });
  await ask("look", "orders");
  await ask("read", "orders", { limit: 2 });
  await ask("commit", "orders", { position: 2 });
  await ask("positions", "orders");
  await ask("seek", "orders", { target: { timestamp: 1 } });
  await host.fetch("/channels/jobs/messages/batch", admin, post({ messages: [1, 2, 3, 4].map((content) => ({ content })) }));
  const { claims } = (await ask("claim", "jobs", { limit: 4 })).body as { claims: { receipt: string; message: { id: string } }[] };
  const receipts = claims.map(({ receipt }) => receipt);
  const ids = claims.map(({ message }) => message.id);
  await ask("extend", "jobs", { receipts: receipts.slice(0, 1), leaseMs: 60_000, progress: { done: 0.5 } });
  await ask("job", "jobs", undefined, `?id=${ids[0]}`);
  await ask("acknowledge", "jobs", { receipts: receipts.slice(0, 1) });
  await ask("nack", "jobs", { receipts: receipts.slice(1, 2), delayMs: 1_000, reason: "later" });
  await ask("deadLetter", "jobs", { receipts: receipts.slice(2, 3), reason: "never" });
  await ask("deadLetters", "jobs");
  await ask("requeue", "jobs");
  await ask("reschedule", "jobs", { ids: ids.slice(1, 3), priority: 9, delayMs: 60_000 });
  await ask("jobs", "jobs", undefined, "?state=resting&limit=1");
  await ask("cancel", "jobs", { ids: [...ids, "unknown"], reason: "not needed" });
  await ask("cancel", "jobs", { state: "ready" });
  await ask("jobs", "jobs", undefined, "?state=cancelled");
  await host.fetch("/channels/jobs/messages", admin, post({ content: 5, id: "five", key: "k", priority: 9, supersede: "five" }));
  await ask("setRegime", "jobs", { regime: { paused: true, maxInFlight: 2, rate: { count: 1, perMs: 1_000 } } });
  await ask("job", "jobs", undefined, "?id=five");
  await ask("stats", "jobs");
  await ask("counts", "jobs");
  await ask("cursors", "orders", undefined, "?limit=1");
  await host.fetch("/channels/orders/cursor/commit", admin, post({ position: 3, cursor: "another" }));
  await ask("cursors", "orders", undefined, "?limit=1");
  await ask("find", "orders", undefined, "?id=one");
  await ask("find", "orders", undefined, "?id=none");
  await ask("ticket", "news");
  await ask("history", "orders");
  await ask("history", "orders", undefined, "?before=3");
  await ask("scan", "orders", { where: [{ path: "content.a", is: "equal", value: 1 }] });
  await ask("locate", "orders", undefined, "?timestamp=1");
  await ask("stats", "orders");
  await ask("stats", "jobs");
  await ask("remove", "orders", { ids: ["one"] });
  await ask("evict", "orders", { maxCount: 1 });
  await ask("deleteGroup", "jobs", { group: "default" });
  await ask("deleteCursor", "orders", { readerId: "admin" });
  await ask("clear", "orders");
  return answers;
}

describe("the description of the protocol", () => {
  const operations = Object.entries(description.paths).flatMap(([path, methods]) =>
    Object.entries(methods).map(([method, operation]) => ({ name: `${method} ${path}`, ...operation }) as Operation & Described),
  );

  it("says where it holds, and of each operation what it asks of a caller and how it refuses one", () => {
    expect(openApiDocument()["servers"]).toEqual([expect.objectContaining({ url: "/" })]);
    const incomplete = operations.filter(
      ({ security, responses }) => !Array.isArray(security) || !Object.keys(responses).some((status) => /^4\d\d$/.test(status)),
    );
    expect(incomplete.map(({ name }) => name)).toEqual([]);
    expect(operations.filter(({ security }) => security.length === 0).map(({ name }) => name)).toEqual(["get /healthz", "get /readyz"]);
  });

  it("names the codes of every refusal that it lists", () => {
    const unnamed = operations.flatMap(({ name, responses }) =>
      Object.entries(responses)
        .filter(([status, { description: told }]) => status.startsWith("4") && !/: \w+/.test(told ?? ""))
        .map(([status]) => `${name} ${status}`),
    );
    expect(unnamed).toEqual([]);
  });
});

describe("the OpenAPI description", () => {
  it("is what the host serves, as a document and as a page that needs nothing from elsewhere", async () => {
    const host = await publish();
    const { status, body, headers } = await host.fetch("/openapi.json");
    expect([status, headers.get("content-type")]).toEqual([200, "application/json; charset=utf-8"]);
    expect(body).toEqual(JSON.parse(JSON.stringify(openApiDocument())));
    expect(description.openapi).toBe("3.1.0");
    const page = await fetch(`${host.url}/docs`);
    const html = await page.text();
    expect([page.status, page.headers.get("content-security-policy")?.startsWith("default-src 'none'")]).toEqual([200, true]);
    expect(html).not.toMatch(/<script|src=|https?:\/\//);
    for (const { path } of Object.values(ROUTES)) expect(html).toContain(`/channels/{id}${path}`);
  });

  it("holds for what every route answers", async () => {
    const host = await publish();
    const answers = await goodRequests(host);
    expect(Object.keys(ROUTES).filter((route) => route !== "stream" && !answers.has(route))).toEqual([]);
    for (const [route, { status }] of answers) expect([route, status]).toEqual([route, ROUTES[route as keyof typeof ROUTES].status]);
    for (const path of ["/healthz", "/readyz", "/channels"]) hold(path, "get", await host.fetch(path, await host.token("read")));
    const observer = await host.token("observe");
    for (const path of ["/topology", "/channels"]) {
      const answer = await host.fetch(path, observer);
      hold(path, "get", answer);
      expect(answer.status).toBe(200);
    }
  });

  it("holds for what every route refuses: without a token, with a wrong one, with nonsense, on a channel that is not there", async () => {
    const host = await publish();
    const [admin, outsider] = [await host.token("admin"), await host.token("admin", ["elsewhere"])];
    for (const { method, path } of Object.values(ROUTES)) {
      const init = method === "POST" ? post({ nonsense: true }) : {};
      const nonsense = method === "POST" ? "" : "?nonsense=1";
      const cases: readonly (readonly [string, string | undefined, RequestInit, number])[] = [
        [`/channels/orders${path}`, undefined, init, 401],
        [`/channels/orders${path}`, "garbage", init, 401],
        [`/channels/orders${path}`, outsider, init, 403],
        [`/channels/orders${path}${nonsense}`, admin, init, 400],
        [`/channels/missing${path}`, admin, init, 404],
      ];
      for (const [url, token, request, status] of cases) {
        const answer = await host.fetch(url, token, request);
        expect([method, url, answer.status]).toEqual([method, url, status]);
        hold(`/channels/{id}${path}`, method.toLowerCase(), answer);
      }
    }
  });

  it("holds for what a host refuses that is asked for its topology", async () => {
    const host = await publish();
    const observer = await host.token("observe");
    for (const [query, token, status] of [
      ["", undefined, 401],
      ["", "garbage", 401],
      ["", await host.token("write"), 403],
      ["", await host.token("observe", ["elsewhere"]), 403],
      ["?nonsense=1", observer, 400],
      ["?after=-1", observer, 400],
      ["?waitMs=60001", observer, 400],
    ] as const) {
      const answer = await host.fetch(`/topology${query}`, token);
      expect([query, answer.status]).toEqual([query, status]);
      hold("/topology", "get", answer);
    }
  });

  it("stands in the documentation as the table that it gives", async () => {
    const page = await readFile(new URL("../../../docs/concepts/transport.md", import.meta.url), "utf8");
    expect(page).toContain(routeTable());
  });
});
