import { context, createContextKey, propagation, trace } from "@opentelemetry/api";
import { AsyncLocalStorageContextManager } from "@opentelemetry/context-async-hooks";
import { BasicTracerProvider, InMemorySpanExporter, SimpleSpanProcessor, type ReadableSpan } from "@opentelemetry/sdk-trace-base";
import { BaseSystem, MemoryMessageStore, PassthroughChannel, WorkQueueChannel, silentLogger, work, type ChannelMessage } from "@sssn/core";
import { HttpTransport } from "@sssn/transport-http";
import { HttpChannel } from "@sssn/transport-http/client";
import { afterAll, beforeAll, beforeEach, describe, expect, it, onTestFinished } from "vitest";
import { SystemMetrics } from "../src/metrics.js";
import { contextOf, traced, tracedHandler } from "../src/tracing.js";

const logger = silentLogger;
const B3 = createContextKey("b3");

async function queue(): Promise<WorkQueueChannel<number>> {
  const jobs = new WorkQueueChannel<number>({ id: "jobs", store: new MemoryMessageStore(), logger });
  await jobs.start();
  onTestFinished(async () => void (await jobs.drain()));
  return jobs;
}

/** W3C's trace context, as a propagator: SDKs bring one, and this is all that a test needs of it. */
const w3c = {
  fields: () => ["traceparent"],
  inject(active: Parameters<typeof trace.getSpanContext>[0], carrier: unknown) {
    const span = trace.getSpanContext(active);
    if (span) (carrier as Record<string, string>)["traceparent"] = `00-${span.traceId}-${span.spanId}-01`;
  },
  extract(
    active: Parameters<typeof trace.getSpanContext>[0],
    carrier: unknown,
    getter: { get(carrier: unknown, key: string): string | string[] | undefined },
  ) {
    const [, traceId, spanId] = /^00-([0-9a-f]{32})-([0-9a-f]{16})-/.exec(String(getter.get(carrier, "traceparent") ?? "")) ?? [];
    return traceId === undefined || spanId === undefined
      ? active
      : trace.setSpanContext(active, { traceId, spanId, traceFlags: 1, isRemote: true });
  },
};

describe("traces", () => {
  const exporter = new InMemorySpanExporter();
  beforeAll(() => {
    context.setGlobalContextManager(new AsyncLocalStorageContextManager().enable());
    propagation.setGlobalPropagator(w3c);
    trace.setGlobalTracerProvider(new BasicTracerProvider({ spanProcessors: [new SimpleSpanProcessor(exporter)] }));
  });
  beforeEach(() => exporter.reset());
  afterAll(() => {
    context.disable();
    propagation.disable();
    trace.disable();
  });
  const spans = (): ReadableSpan[] => exporter.getFinishedSpans();

  it("go from the writer to the handler in the message's metadata, by the conventions for messaging", async () => {
    const jobs = await queue();
    await traced(jobs).write("writer", 1, { metadata: { kept: true } });
    const seen: unknown[] = [];
    const worker = work(
      jobs,
      "w",
      tracedHandler("jobs", ({ metadata }) => void seen.push(metadata)),
      { logger },
    );
    await expect.poll(() => spans().length).toBe(2);
    await worker.close();
    const [write, process] = spans();
    expect([write?.name, process?.name]).toEqual(["write jobs", "process jobs"]);
    expect(process?.spanContext().traceId).toBe(write?.spanContext().traceId);
    expect(process?.parentSpanContext?.spanId).toBe(write?.spanContext().spanId);
    expect(write?.attributes).toMatchObject({
      "messaging.system": "sssn",
      "messaging.destination.name": "jobs",
      "messaging.operation.type": "send",
    });
    expect(process?.attributes["messaging.message.id"]).toBe(write?.attributes["messaging.message.id"]);
    expect(seen).toEqual([{ kept: true, traceparent: expect.stringMatching(/^00-/) as string }]);
  });

  it("are no content: a write that is repeated under its id is a duplicate, whatever the propagator sends along", async () => {
    const jobs = traced(await queue());
    let calls = 0;
    propagation.disable();
    propagation.setGlobalPropagator({
      fields: () => ["traceparent", "b3", "baggage"],
      inject(active, carrier) {
        w3c.inject(active, carrier);
        Object.assign(carrier as object, { b3: `b3-${++calls}`, baggage: `call=${calls}` });
      },
      extract: (active, carrier, getter) => active.setValue(B3, getter.get(carrier, "b3")),
    });
    onTestFinished(() => {
      propagation.disable();
      propagation.setGlobalPropagator(w3c);
    });
    const options = { id: "order-1", metadata: { baggage: "two suitcases" } };
    const receipts = [await jobs.write("shop", 1, options), await jobs.write("shop", 1, options)];
    receipts.push(...(await jobs.writeBatch("shop", [{ content: 1, ...options }])));
    expect(receipts.map(({ duplicate }) => duplicate)).toEqual([false, true, true]);
    const [claim] = await jobs.claim("w");
    expect(claim?.message.metadata["baggage"]).toBe("two suitcases");
    expect(contextOf(claim?.message as ChannelMessage).getValue(B3)).toBe("b3-1");
    await expect(jobs.write("shop", 1, { ...options, metadata: { baggage: "three" } })).rejects.toMatchObject({ code: "message_conflict" });
  });

  it("show what failed and why, and leave everything else of the channel as it is", async () => {
    const jobs = traced(await queue());
    await expect(jobs.write("writer", Number.NaN)).rejects.toMatchObject({ code: "invalid_content" });
    expect(spans()[0]).toMatchObject({ attributes: { "error.type": "invalid_content" }, status: { code: 2 } });
    await jobs.writeBatch("writer", [{ content: 1 }, { content: 2 }]);
    expect(spans()[1]?.attributes["messaging.batch.message_count"]).toBe(2);
    const claims = await jobs.claim("w", { limit: 2 });
    expect(
      (
        await jobs.acknowledge(
          "w",
          claims.map(({ receipt }) => receipt),
        )
      ).map(({ status }) => status),
    ).toEqual(["acknowledged", "acknowledged"]);
    expect(trace.getSpanContext(contextOf(claims[0]!.message))?.traceId).toBe(spans()[1]?.spanContext().traceId);
  });
});

describe("metrics", () => {
  it("tell of systems, channels, groups, cursors, jobs and errors", async () => {
    const store = new MemoryMessageStore();
    const system = new BaseSystem({ id: "shop", logger, tickRate: 1_000 });
    let steps = 0;
    system.step = () => {
      if (steps++ === 0) throw new Error("first");
    };
    const orders = system.addChannel(new PassthroughChannel({ id: "orders", store, logger }));
    const jobs = system
      .addSubsystem(new BaseSystem({ id: "packing", logger }))
      .addChannel(new WorkQueueChannel({ id: "jobs", store, logger }));
    const metrics = new SystemMetrics({ cursors: true }).watch(system);
    await using _running = await system.launch();
    await orders.writeBatch("w", [{ content: 1 }, { content: 2 }]);
    await orders.commit("reader", 1);
    await jobs.writeBatch("w", [{ content: 1 }, { content: 2 }, { content: 3 }]);
    await jobs.claim("x");
    const worker = work(jobs, "w", () => {}, { logger });
    metrics.watchWorker("packer", worker);
    await expect.poll(() => metrics.text()).toContain('sssn_jobs_total{worker="packer",outcome="acknowledged"} 2');
    await worker.close();
    await expect.poll(() => steps).toBeGreaterThan(0);
    const text = await metrics.text();
    for (const line of [
      'sssn_system_state{system="packing",state="running"} 1',
      'sssn_system_steps_total{system="shop",outcome="failed"} 1',
      'sssn_channel_messages{channel="orders"} 2',
      'sssn_channel_last_sequence{channel="jobs"} 3',
      'sssn_group_messages{channel="jobs",group="default",state="claimed"} 1',
      'sssn_group_events_total{channel="jobs",group="default",event="delivered"} 3',
      'sssn_group_events_total{channel="jobs",group="default",event="acknowledged"} 2',
      'sssn_cursor_lag_messages{channel="orders",owner="reader",name="reader"} 1',
      'sssn_cursor_lost_messages_total{channel="orders",owner="reader",name="reader"} 0',
      'sssn_cursor_moved_timestamp_seconds{channel="orders",owner="reader",name="reader"} ',
      'sssn_continued_errors_total{component="system",id="shop",phase="step"} 1',
    ]) {
      expect(text).toContain(line);
    }
  });

  it("of requests are served to whoever has the token, and to nobody else", async () => {
    const transport = new HttpTransport({ port: 0, logger });
    const system = new BaseSystem({ id: "shop", logger });
    system.addChannel(new PassthroughChannel({ id: "orders", store: new MemoryMessageStore(), logger, visibility: "public" }));
    const metrics = new SystemMetrics().watch(system).watchRequests(transport);
    transport.app.get("/metrics", metrics.handler({ token: "a long and secret word" }));
    await using running = await system.publish({ transport });
    const [url = ""] = running.addresses;
    await new HttpChannel({ url, id: "orders", token: "ann", logger }).write("", 1);
    const scrape = (authorization: string): Promise<Response> => fetch(`${url}/metrics`, { headers: { authorization } });
    expect([(await scrape("Bearer wrong")).status, (await scrape("")).status]).toEqual([401, 401]);
    const response = await scrape("Bearer a long and secret word");
    expect([response.status, response.headers.get("content-type")]).toEqual([200, "text/plain; version=0.0.4; charset=utf-8"]);
    expect(await response.text()).toContain(
      'sssn_http_request_duration_seconds_count{method="POST",route="/channels/:id/messages",status="201"} 1',
    );
    expect(() => metrics.handler({ token: "short" })).toThrowError(expect.objectContaining({ code: "invalid_argument" }));
  });
});
