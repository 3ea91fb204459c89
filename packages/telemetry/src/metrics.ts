import { timingSafeEqual } from "node:crypto";
import type { IncomingMessage, ServerResponse } from "node:http";
import { SSSNError, refuseUnknownOptions, type BaseChannel, type BaseSystem, type Cancel, type LogStats, type Worker } from "@sssn/core";
import { Counter, Gauge, Histogram, Registry } from "prom-client";

/** A request as a transport tells of it; `HttpTransport`'s records fit. */
export interface ObservedRequest {
  readonly method: string;
  /** The route's pattern: few of them, so that it can be a label. */
  readonly route: string;
  readonly status: number;
  readonly durationMs: number;
}

/** What tells of requests: an `HttpTransport` fits. */
export interface RequestSource {
  readonly events: { on(name: "request", listener: (request: ObservedRequest) => void): Cancel };
}

/** Where metrics go, and how much they tell. */
export interface MetricsOptions {
  /** Where the metrics are registered. Default: a registry of their own. */
  readonly registry?: Registry;
  /** In whose name the channels' statistics are asked for; needs the role observe where the security asks for roles. Default `metrics`. */
  readonly as?: string;
  /** Also tell of every cursor. There is a series for each reader, so only where these are few. Default false. */
  readonly cursors?: boolean;
}

const OPTIONS: ReadonlySet<string> = new Set<keyof MetricsOptions>(["registry", "as", "cursors"]);
const SHORTEST_TOKEN = 16;

/**
 * Prometheus metrics of a tree of systems, its channels, workers and transports. Channels are asked when they are scraped.
 *
 * @example
 * ```ts
 * import { BaseSystem, MemoryMessageStore, PassthroughChannel } from "@sssn/core";
 * import { SystemMetrics } from "@sssn/telemetry/metrics";
 * const system = new BaseSystem({ id: "shop" });
 * system.addChannel(new PassthroughChannel({ id: "orders", store: new MemoryMessageStore() }));
 * const metrics = new SystemMetrics().watch(system);
 * const running = await system.launch();
 * await system.client.write("orders", { item: "tea" });
 * if (!(await metrics.text()).includes('sssn_channel_messages{channel="orders"} 1')) throw new Error("one order is there");
 * await running.close();
 * ```
 */
export class SystemMetrics {
  readonly registry: Registry;
  readonly #as: string;
  readonly #cursors: boolean;
  readonly #systems: BaseSystem[] = [];
  readonly #errors: Counter<"component" | "id" | "phase">;
  readonly #scrapeErrors: Counter<"channel">;
  readonly #jobs: Counter<"worker" | "outcome">;
  readonly #requests: Histogram<"method" | "route" | "status">;
  readonly #gauges: ReturnType<typeof makeGauges>;
  #collecting: Promise<void> | undefined;

  constructor(options: MetricsOptions = {}) {
    refuseUnknownOptions("SystemMetrics", options, OPTIONS);
    this.registry = options.registry ?? new Registry();
    this.#as = options.as ?? "metrics";
    this.#cursors = options.cursors ?? false;
    const registers = [this.registry];
    this.#errors = new Counter({
      name: "sssn_continued_errors_total",
      help: "Errors that a channel or system has carried on after.",
      labelNames: ["component", "id", "phase"],
      registers,
    });
    this.#scrapeErrors = new Counter({
      name: "sssn_scrape_errors_total",
      help: "Channels whose statistics could not be had.",
      labelNames: ["channel"],
      registers,
    });
    this.#jobs = new Counter({
      name: "sssn_jobs_total",
      help: "Jobs that workers have ended.",
      labelNames: ["worker", "outcome"],
      registers,
    });
    this.#requests = new Histogram({
      name: "sssn_http_request_duration_seconds",
      help: "From the request's head to the end of its answer.",
      labelNames: ["method", "route", "status"],
      buckets: [0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1, 2.5, 10, 60],
      registers,
    });
    this.#gauges = makeGauges(registers, () => this.#collect());
  }

  /** Tells of a system, all below it, and their channels, also of those that are added later. */
  watch(system: BaseSystem): this {
    this.#systems.push(system);
    const seen = new Set<object>();
    const follow = (): void => {
      for (const each of treeOf(system)) {
        for (const part of [each, ...each.channels]) {
          if (seen.has(part)) continue;
          seen.add(part);
          this.#countErrors(part === each ? "system" : "channel", part);
        }
      }
    };
    follow();
    system.events.on("state", follow);
    return this;
  }

  #countErrors(component: "system" | "channel", part: BaseSystem | BaseChannel): void {
    const events = part.events as { on(name: "error", listener: (error: { readonly phase: string }) => void): Cancel };
    events.on("error", ({ phase }) => this.#errors.inc({ component, id: part.id, phase }));
  }

  /** Tells of a worker's jobs. */
  watchWorker(name: string, worker: Pick<Worker, "events">): this {
    worker.events.on("job", ({ outcome }) => this.#jobs.inc({ worker: name, outcome }));
    return this;
  }

  /** Tells of a transport's requests. */
  watchRequests(source: RequestSource): this {
    source.events.on("request", ({ method, route, status, durationMs }) =>
      this.#requests.observe({ method, route, status: String(status) }, durationMs / 1_000),
    );
    return this;
  }

  /** Everything in the format that Prometheus reads. */
  text(): Promise<string> {
    return this.registry.metrics();
  }

  /**
   * Serves the metrics to whoever shows a token: they name every channel, private ones too.
   *
   * @param options `token`: at least 16 characters, sent as `Authorization: Bearer <token>`.
   * @throws SSSNError `invalid_argument` for a shorter token.
   *
   * @example
   * ```ts
   * import { SystemMetrics } from "@sssn/telemetry/metrics";
   * import { HttpTransport } from "@sssn/transport-http";
   * const transport = new HttpTransport({ port: 0 });
   * const metrics = new SystemMetrics().watchRequests(transport);
   * transport.mount("/metrics", metrics.handler({ token: "a long and secret word" }));
   * ```
   */
  handler({ token }: { readonly token: string }): (request: IncomingMessage, response: ServerResponse) => Promise<void> {
    if (token.length < SHORTEST_TOKEN)
      throw new SSSNError(
        "invalid_argument",
        `The token of the metrics has ${token.length} characters and needs at least ${SHORTEST_TOKEN}.`,
      );
    const expected = Buffer.from(`Bearer ${token}`);
    return async ({ headers }, response) => {
      const given = Buffer.from(headers.authorization ?? "");
      if (given.length !== expected.length || !timingSafeEqual(given, expected)) {
        response.writeHead(401, { "WWW-Authenticate": 'Bearer realm="metrics"' }).end();
        return;
      }
      const text = await this.text();
      response.writeHead(200, { "Content-Type": this.registry.contentType, "Cache-Control": "no-store" }).end(text);
    };
  }

  /** Once for all gauges of a scrape. */
  #collect(): Promise<void> {
    this.#collecting ??= this.#ask().finally(() => {
      this.#collecting = undefined;
    });
    return this.#collecting;
  }

  async #ask(): Promise<void> {
    const { state } = this.#gauges;
    for (const gauge of Object.values(this.#gauges)) gauge.reset();
    const systems = this.#systems.flatMap(treeOf);
    for (const { id, state: current, steps } of systems) {
      state.set({ system: id, state: current }, 1);
      this.#gauges.steps.inc({ system: id, outcome: "failed" }, steps.failed);
      this.#gauges.steps.inc({ system: id, outcome: "done" }, steps.begun - steps.failed);
      this.#gauges.overran.inc({ system: id }, steps.overran);
      this.#gauges.stepSeconds.set({ system: id }, (steps.lastMs ?? 0) / 1_000);
    }
    await Promise.all(
      systems
        .flatMap(({ channels }) => channels)
        .filter(({ state: channelState }) => channelState === "running")
        .map(async (channel) => {
          try {
            this.#show(channel.id, await channel.stats(this.#as));
          } catch {
            this.#scrapeErrors.inc({ channel: channel.id });
          }
        }),
    );
  }

  #show(channel: string, { count, bytes, last, groups, cursors }: LogStats): void {
    const gauges = this.#gauges;
    gauges.messages.set({ channel }, count);
    gauges.bytes.set({ channel }, bytes);
    gauges.last.set({ channel }, last);
    for (const { group, oldestUnfinishedMs = 0, totals, ...states } of groups) {
      for (const event of GROUP_EVENTS) gauges.events.inc({ channel, group, event }, totals[event]);
      for (const state of ["ready", "claimed", "delayed", "dead"] as const) gauges.group.set({ channel, group, state }, states[state]);
      gauges.oldest.set({ channel, group }, oldestUnfinishedMs / 1_000);
    }
    if (!this.#cursors) return;
    for (const { owner, name, lag, lagMs, distanceToRetention, lost, movedAt } of cursors) {
      gauges.lag.set({ channel, owner, name }, lag);
      gauges.lagSeconds.set({ channel, owner, name }, lagMs / 1_000);
      gauges.distance.set({ channel, owner, name }, distanceToRetention);
      gauges.lost.inc({ channel, owner, name }, lost);
      if (movedAt !== undefined) gauges.moved.set({ channel, owner, name }, movedAt / 1_000);
    }
  }
}

/** What is counted of a group. */
const GROUP_EVENTS = [
  "delivered",
  "acknowledged",
  "released",
  "lapsed",
  "deadLettered",
  "cancelled",
  "expired",
  "superseded",
  "removed",
] as const;

/** @param collect what a scrape waits for before it shows them. */
function makeGauges(registers: Registry[], collect: () => Promise<void>) {
  const gauge = <Label extends string>(name: string, help: string, labelNames: readonly Label[]): Gauge<Label> =>
    new Gauge({ name, help, labelNames, registers, collect });
  const counter = <Label extends string>(name: string, help: string, labelNames: readonly Label[]): Counter<Label> =>
    new Counter({ name, help, labelNames, registers, collect });
  return {
    state: gauge("sssn_system_state", "1 for the state that a system is in.", ["system", "state"]),
    messages: gauge("sssn_channel_messages", "Messages that are kept.", ["channel"]),
    bytes: gauge("sssn_channel_bytes", "Their size, as the store counts it.", ["channel"]),
    last: gauge("sssn_channel_last_sequence", "The last sequence given out.", ["channel"]),
    group: gauge("sssn_group_messages", "Unfinished messages of a group, by state.", ["channel", "group", "state"]),
    events: counter("sssn_group_events_total", "What has happened to the messages of a group since its log was opened.", [
      "channel",
      "group",
      "event",
    ]),
    steps: counter("sssn_system_steps_total", "Steps of a system.", ["system", "outcome"]),
    overran: counter("sssn_system_steps_overran_total", "Steps that took longer than there is between two of them.", ["system"]),
    stepSeconds: gauge("sssn_system_last_step_seconds", "How long the last step took.", ["system"]),
    oldest: gauge("sssn_group_oldest_unfinished_seconds", "How old the oldest unfinished message is.", ["channel", "group"]),
    lag: gauge("sssn_cursor_lag_messages", "Messages behind a cursor.", ["channel", "owner", "name"]),
    lagSeconds: gauge("sssn_cursor_lag_seconds", "Age of the first message behind a cursor.", ["channel", "owner", "name"]),
    distance: gauge("sssn_cursor_distance_to_retention_messages", "How many messages may be removed before a cursor misses one.", [
      "channel",
      "owner",
      "name",
    ]),
    lost: counter("sssn_cursor_lost_messages_total", "Messages that were removed while a cursor stood before them.", [
      "channel",
      "owner",
      "name",
    ]),
    moved: gauge("sssn_cursor_moved_timestamp_seconds", "When a cursor was moved last, by the log's clock.", ["channel", "owner", "name"]),
  };
}

function treeOf(system: BaseSystem): readonly BaseSystem[] {
  return [system, ...system.subsystems.flatMap(treeOf)];
}
