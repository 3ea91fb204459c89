import { describe, expect, it, vi } from "vitest";
import {
  BaseSystem,
  MemoryMessageStore,
  PassthroughChannel,
  SystemState,
  WorkQueueChannel,
  defineSystem,
  isSSSNError,
  runAsProgram,
  silentLogger,
  sleep,
  type ErrorCode,
  type StepContext,
} from "../src/index.js";
import { VirtualClock } from "../src/testing.js";

const logger = silentLogger;

function channel(id: string): PassthroughChannel {
  return new PassthroughChannel({ id, store: new MemoryMessageStore(), logger });
}

async function codeOf(call: () => unknown): Promise<ErrorCode | undefined> {
  try {
    await call();
  } catch (thrown) {
    return isSSSNError(thrown) ? thrown.code : undefined;
  }
  return undefined;
}

describe("topology", () => {
  it("connects an added channel to its owner's client [G1.1]", async () => {
    const system = new BaseSystem({ id: "s" });
    system.addChannel(channel("c"));
    await using _running = await system.launch();
    await system.client.write("c", 1);
    expect((await system.client.read("c")).messages).toHaveLength(1);
  });

  it("wires only the named channels into a subsystem, and nothing else exists for it [G1.2] [G1.3]", async () => {
    const [parent, child, grandchild] = [new BaseSystem({ id: "p" }), new BaseSystem({ id: "c" }), new BaseSystem({ id: "g" })];
    for (const id of ["shared", "passed", "secret"]) parent.addChannel(channel(id));
    parent.addSubsystem(child, { channels: ["shared", "passed"] });
    child.addSubsystem(grandchild, { channels: ["passed"] });
    await using _running = await parent.launch();
    expect([child.client.channelIds, grandchild.client.channelIds]).toEqual([["shared", "passed"], ["passed"]]);
    await grandchild.client.write("passed", 1);
    expect(await codeOf(() => child.client.write("secret", 1))).toBe("channel_not_connected");
    expect(await codeOf(() => grandchild.client.read("shared"))).toBe("channel_not_connected");
  });

  it("refuses unknown and duplicate names at once, and lists the known ones [W36]", async () => {
    const system = new BaseSystem({ id: "s" });
    system.addChannel(channel("readings"));
    expect(() => system.addChannel(channel("readings"))).toThrowError(/already/);
    const error: unknown = (() => {
      try {
        return system.addSubsystem(new BaseSystem({ id: "sub" }), { channels: ["readnigs"] });
      } catch (thrown) {
        return thrown;
      }
    })();
    expect(isSSSNError(error, "channel_not_connected") && error.details["known"]).toEqual(["readings"]);
    const sub = system.addSubsystem(new BaseSystem({ id: "sub" }));
    expect(await codeOf(() => system.addSubsystem(new BaseSystem({ id: "sub" })))).toBe("duplicate_id");
    expect(await codeOf(() => system.addSubsystem(new BaseSystem({ id: "s" })))).toBe("duplicate_id");
    expect(await codeOf(() => new BaseSystem({ id: "other" }).addSubsystem(sub))).toBe("invalid_state");
  });

  it("refuses to launch two channels or systems of one id anywhere in the tree, and leaves nothing running", async () => {
    const system = new BaseSystem({ id: "s", logger });
    const own = system.addChannel(channel("c"));
    system.addSubsystem(new BaseSystem({ id: "sub", logger })).addChannel(channel("c"));
    expect(await codeOf(() => system.launch())).toBe("duplicate_id");
    expect([system.state, own.state]).toEqual([SystemState.ERROR, "stopped"]);
  });

  it("is available as data, and equals what was declared", async () => {
    const system = defineSystem({ id: "s", setup: (own) => own.addChannel(channel("c")) });
    const sub = system.addSubsystem(new BaseSystem({ id: "sub", name: "Sub" }));
    sub.addChannel(channel("d"));
    await using _running = await system.launch();
    expect(system.topology()).toEqual({
      revision: expect.any(Number) as unknown,
      since: expect.any(Number) as unknown,
      systems: [
        { id: "s", name: "s", state: "running" },
        { id: "sub", name: "Sub", state: "running", parent: "s" },
      ],
      channels: [
        { id: "c", kind: "passthrough", state: "running", owner: "s", visibility: "private" },
        { id: "d", kind: "passthrough", state: "running", owner: "sub", visibility: "private" },
      ],
      wires: [
        { system: "s", channel: "c" },
        { system: "sub", channel: "d" },
      ],
      endpoints: [],
    });
  });

  it("describes a system by what it is really wired to [W26]", async () => {
    const system = new BaseSystem({ id: "s", name: "S", description: "d", capabilities: [{ name: "plan", description: "plans" }] });
    system.addChannel(channel("own"));
    const sub = system.addSubsystem(new BaseSystem({ id: "sub" }), { channels: ["own"] });
    expect(system.descriptor()).toEqual({
      id: "s",
      name: "S",
      description: "d",
      capabilities: [{ name: "plan", description: "plans" }],
      channels: ["own"],
    });
    expect(sub.descriptor().channels).toEqual(["own"]);
  });

  it("offers the original's short forms", async () => {
    const system = new BaseSystem({ id: "s" });
    system.addChannel(channel("c"));
    system.addChannel(new WorkQueueChannel({ id: "q", store: new MemoryMessageStore() }));
    await using _running = await system.launch();
    const seen: unknown[] = [];
    await system.subscribeChannel("c", ({ content }) => void seen.push(content));
    await system.writeChannel("c", 1);
    expect((await system.readChannel("c")).messages).toHaveLength(1);
    await system.writeChannel("q", 1);
    const [first] = await system.claimChannel("q");
    await system.nackChannel("q", [first?.receipt ?? ""]);
    const [again] = await system.claimChannel("q");
    expect((await system.acknowledgeChannel("q", [again?.receipt ?? ""]))[0]?.status).toBe("acknowledged");
    await expect.poll(() => seen).toEqual([1]);
  });
});

describe("running", () => {
  it("sets the whole tree up once, starts every channel, then every loop [W36]", async () => {
    const order: string[] = [];
    class Part extends BaseSystem {
      override setup(): void {
        order.push(`setup ${this.id}`);
        this.addChannel(channel(`${this.id}-channel`));
        if (this.id.length < 3) this.addSubsystem(new Part({ id: `${this.id}x` }));
      }
      override async step({ tick }: StepContext): Promise<void> {
        if (tick > 1) return;
        await this.client.write(`${this.id}-channel`, "hello");
        order.push(`step ${this.id}`);
      }
    }
    await using running = await new Part({ id: "a" }).launch();
    await expect.poll(() => order.length).toBe(6);
    expect(order.slice(0, 3)).toEqual(["setup a", "setup ax", "setup axx"]);
    expect(new Set(order.slice(3))).toEqual(new Set(["step a", "step ax", "step axx"]));
    expect(await codeOf(() => running.system.launch())).toBe("invalid_state");
    expect(await codeOf(() => running.system.addChannel(channel("late")))).toBe("invalid_state");
  });

  it("calls step() at its rate, without drift and without overlap", async () => {
    const clock = new VirtualClock();
    const [times, begin]: [number[], number] = [[], clock.monotonic()];
    let [running, most] = [0, 0];
    const system = defineSystem({
      id: "s",
      clock,
      tickRate: 10,
      step: async () => {
        most = Math.max(most, ++running);
        times.push(clock.monotonic() - begin);
        await new Promise<void>((resolve) => clock.schedule(resolve, times.length === 3 ? 250 : 30));
        running--;
      },
    });
    const launched = await system.launch();
    await clock.advance(1_000);
    const closing = launched.close();
    await clock.advance(100);
    await closing;
    expect(times).toEqual([0, 100, 200, 500, 600, 700, 800, 900, 1_000]);
    expect(most).toBe(1);
    expect(clock.pendingTimers).toBe(0);
  });

  it("catches what step() throws, hands it to onStepError(), and goes on [G4.1]", async () => {
    const clock = new VirtualClock();
    const seen: string[] = [];
    const system = defineSystem({
      id: "s",
      clock,
      logger,
      tickRate: 10,
      step: (_system, { tick }) => {
        if (tick === 2) throw new Error("sync");
        if (tick === 3) return Promise.reject(new Error("async"));
        if (tick === 4) throw "no error at all";
        return undefined;
      },
      onStepError: (error) => {
        seen.push(error.message);
        throw new Error("the hook fails too");
      },
    });
    const events: number[] = [];
    system.events.on("error", ({ count }) => events.push(count));
    await using _running = await system.launch();
    await clock.advance(1_000);
    expect(seen).toEqual(["sync", "async", expect.stringContaining("no error at all")]);
    expect([system.state, system.stepErrors, events]).toEqual(["running", 3, [1, 2, 3]]);
  });

  it("tells how its steps go: how many, how long, which of them overran, and what went wrong last", async () => {
    const clock = new VirtualClock();
    const system = new BaseSystem({ id: "s", clock, logger, tickRate: 10 });
    const tookMs = [20, 250, 30];
    let step = 0;
    system.step = async () => {
      await sleep(clock, tookMs[step++] ?? 0);
      if (step === 3) throw new Error("the third");
    };
    expect(system.steps).toEqual({ begun: 0, failed: 0, overran: 0 });
    const begunAt = clock.now();
    await using _running = await system.launch();
    await clock.advance(440);
    const { lastBegunAt = 0, lastError, ...rest } = system.steps;
    expect(rest).toEqual({ begun: 3, failed: 1, overran: 1, lastMs: 30, longestMs: 250 });
    // The second ran over two more that were due: those were left out.
    expect([lastBegunAt - begunAt, lastError && [lastError.message, lastError.at - begunAt]]).toEqual([400, ["the third", 430]]);
  });

  it("only shows that it is paused: the default loop goes on [N3]", async () => {
    const clock = new VirtualClock();
    const states: string[] = [];
    let steps = 0;
    const system = defineSystem({ id: "s", clock, tickRate: 10, step: () => void steps++ });
    system.events.on("state", (state) => states.push(state));
    const running = await system.launch();
    system.pause();
    const before = steps;
    await clock.advance(500);
    expect([system.state, steps - before]).toEqual(["paused", 6]);
    system.resume();
    expect(system.state).toBe("running");
    await running.close();
    expect(states).toEqual(["running", "paused", "running", "stopped"]);
  });

  it("keeps a stop that comes before the launch [W37]", async () => {
    let steps = 0;
    const system = defineSystem({ id: "s", logger, step: () => void steps++ });
    await system.stop();
    await system.run();
    expect([steps, await codeOf(() => system.launch())]).toEqual([0, "invalid_state"]);
  });

  it("shows ERROR with its cause when a part fails to start, and closes what had started [W38]", async () => {
    const store = new MemoryMessageStore();
    const system = new BaseSystem({ id: "s", logger });
    const good = system.addChannel(channel("good"));
    system.addChannel(new PassthroughChannel({ id: "bad", store }));
    await store.close();
    expect(await codeOf(() => system.launch())).toBe("store_closed");
    expect([system.state, isSSSNError(system.cause, "store_closed"), good.state]).toEqual(["error", true, "stopped"]);
  });

  it("shows ERROR with its cause when a loop breaks off, and the others run on", async () => {
    class Broken extends BaseSystem {
      override run(): Promise<void> {
        return Promise.reject(new Error("loop"));
      }
    }
    const system = new BaseSystem({ id: "s", logger });
    const broken = system.addSubsystem(new Broken({ id: "broken", logger }));
    await using _running = await system.launch();
    await expect.poll(() => broken.state).toBe("error");
    expect([broken.cause?.message, system.state]).toEqual(["loop", "running"]);
  });

  it("does not persist or restart anything of its own: a failed system stays failed [N5]", async () => {
    const system = defineSystem({ id: "s", logger, setup: () => Promise.reject(new Error("no")) });
    await expect(system.launch()).rejects.toThrow("no");
    expect(system.state).toBe("error");
    const again = defineSystem({ id: "s", step: () => undefined });
    await using _running = await again.launch();
    expect(again.stepErrors).toBe(0);
  });

  it("shares objects directly between systems of one process, which is no security boundary [N4]", () => {
    const system = new BaseSystem({ id: "s" });
    const own = system.addChannel(channel("c"));
    const sub = system.addSubsystem(new BaseSystem({ id: "sub" }), { channels: ["c"] });
    expect(sub.client.channel("c")).toBe(own);
  });
});

describe("shutting down", () => {
  it("stops loops, drains channels from the bottom up, then closes what it was given [G4.3]", async () => {
    const order: string[] = [];
    const system = new BaseSystem({ id: "s" });
    const sub = system.addSubsystem(new BaseSystem({ id: "sub" }));
    for (const [owner, id] of [
      [system, "top"],
      [sub, "bottom"],
    ] as const) {
      owner.addChannel(channel(id)).events.on("state", (state) => state === "stopped" && order.push(id));
    }
    system.use({ [Symbol.asyncDispose]: () => Promise.resolve(void order.push("store")) });
    const running = await system.launch();
    const report = await running.close();
    expect(order).toEqual(["bottom", "top", "store"]);
    expect([report.clean, report.channels.map(({ channelId }) => channelId), system.state, sub.state]).toEqual([
      true,
      ["bottom", "top"],
      "stopped",
      "stopped",
    ]);
    expect(await running.closed).toBe(report);
    expect(await system.stop()).toBe(report);
  });

  it("ends after the current step, and reports what did not end in time", async () => {
    const clock = new VirtualClock();
    const system = defineSystem({ id: "s", clock, logger, step: () => new Promise(() => undefined) });
    const running = await system.launch();
    await clock.advance(1);
    const closing = running.close({ timeoutMs: 1_000 });
    await clock.advance(2_000);
    expect((await closing).clean).toBe(false);
  });

  it("as a program drains at a signal and exits with 0, and at once at the second signal", async () => {
    const listeners = new Map<string, () => void>();
    const host = {
      on: (signal: string, listener: () => void) => listeners.set(signal, listener),
      off: (signal: string) => listeners.delete(signal),
      exit: vi.fn(),
    };
    const program = runAsProgram(() => new BaseSystem({ id: "s" }).launch(), { host });
    await expect.poll(() => listeners.has("SIGTERM")).toBe(true);
    const [interrupt] = [listeners.get("SIGINT")];
    interrupt?.();
    interrupt?.();
    expect(host.exit.mock.calls).toEqual([[130]]);
    await program;
    expect(host.exit.mock.calls).toEqual([[130], [0]]);
    expect(listeners.size).toBe(0);
  });

  it("as a program says why it could not start, and exits with 1", async () => {
    const host = { on: () => undefined, off: () => undefined, exit: vi.fn() };
    const said: string[] = [];
    await runAsProgram(() => defineSystem({ id: "s", logger, setup: () => Promise.reject(new Error("no port")) }).launch(), {
      host,
      onStartError: ({ message }) => said.push(message),
    });
    expect([said, host.exit.mock.calls]).toEqual([["no port"], [[1]]]);
  });
});
