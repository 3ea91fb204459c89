import { describe, expect, it } from "vitest";
import {
  BaseSystem,
  MemoryMessageStore,
  PassthroughChannel,
  silentLogger,
  type ChannelTransport,
  type TopologyRevision,
  type TopologySource,
  type Visibility,
} from "../src/index.js";
import { VirtualClock } from "../src/testing.js";

const logger = silentLogger;

function channel(id: string, visibility: Visibility = "private"): PassthroughChannel {
  return new PassthroughChannel({ id, store: new MemoryMessageStore(), logger, visibility });
}

/** What is told of the revisions of a system from now on. */
function told(system: BaseSystem): TopologyRevision[] {
  const revisions: TopologyRevision[] = [];
  system.events.on("topology", (revision) => revisions.push(revision));
  return revisions;
}

/** Until what follows a synchronous step has followed. */
const stepEnds = (): Promise<void> => new Promise((resolve) => setImmediate(resolve));

describe("the revision of a topology", () => {
  it("is 1 from when the system was made, whenever it is looked at, and stays while nothing changes", async () => {
    const clock = new VirtualClock();
    const made = clock.now();
    const system = new BaseSystem({ id: "s", clock, logger });
    await clock.advance(5_000);
    expect(system.topology()).toMatchObject({ revision: 1, since: made });
    await clock.advance(5_000);
    expect(system.topology()).toMatchObject({ revision: 1, since: made });
  });

  it("is one more for all that changes in one synchronous step, and listeners are told once, when the step is over", async () => {
    const clock = new VirtualClock();
    const system = new BaseSystem({ id: "s", clock, logger });
    await clock.advance(1_000);
    const revisions = told(system);
    for (const id of ["a", "b", "c"]) system.addChannel(channel(id));
    system.addSubsystem(new BaseSystem({ id: "sub", clock, logger }), { channels: ["a", "b"] });
    expect(revisions).toEqual([]);
    await stepEnds();
    expect(revisions).toEqual([{ revision: 2, since: clock.now() }]);
    expect(system.topology()).toMatchObject({
      revision: 2,
      channels: [{ id: "a" }, { id: "b" }, { id: "c" }],
      wires: [
        { system: "s", channel: "a" },
        { system: "s", channel: "b" },
        { system: "s", channel: "c" },
        { system: "sub", channel: "a" },
        { system: "sub", channel: "b" },
      ],
    });
  });

  it("is another one as soon as somebody looks: no two looks with one revision differ, also within a step", async () => {
    const system = new BaseSystem({ id: "s", logger });
    const revisions = told(system);
    const looks = ["a", "b", "c"].map((id) => {
      system.addChannel(channel(id));
      return system.topology();
    });
    expect(looks.map(({ revision, channels }) => [revision, channels.length])).toEqual([
      [1, 1],
      [2, 2],
      [3, 3],
    ]);
    await stepEnds();
    expect(revisions.map(({ revision }) => revision)).toEqual([1, 2, 3]);
  });

  it("does not grow with what is changed and changed back in one step", async () => {
    const system = new BaseSystem({ id: "s", logger });
    await using _running = await system.launch();
    await stepEnds();
    const revisions = told(system);
    system.pause();
    system.resume();
    await stepEnds();
    expect(revisions).toEqual([]);
    system.pause();
    await stepEnds();
    expect([revisions.length, system.topology().systems[0]?.state]).toEqual([1, "paused"]);
  });

  it("grows with every kind of change: states, channels that come and go, grants, endpoints, foreign channels", async () => {
    const system = new BaseSystem({ id: "s", logger });
    const own = system.addChannel(channel("own"));
    const running = await system.launch();
    const grown: Record<string, boolean> = {};
    let before = system.topology();
    const grewBy = async (what: string, change: () => unknown): Promise<void> => {
      await change();
      await stepEnds();
      const now = system.topology();
      grown[what] = now.revision > before.revision;
      before = now;
    };
    const endpoint = { transport: "t", url: "t://own" };
    const foreign = channel("foreign");
    await grewBy("nothing", () => undefined);
    await grewBy("a message", () => system.client.write("own", 1));
    await grewBy("pause", () => system.pause());
    await grewBy("resume", () => system.resume());
    await grewBy("start", () => system.startChannel(channel("late")));
    await grewBy("remove", () => system.removeChannel("late"));
    await grewBy("endpoint", () => own.addEndpoint(endpoint));
    await grewBy("no endpoint", () => own.removeEndpoint(endpoint));
    await grewBy("connected", () => system.client.connect(foreign));
    await grewBy("disconnected", () => system.client.disconnect("foreign"));
    await grewBy("stopped channel", () => own.stop());
    await grewBy("shutdown", () => running.close());
    expect(grown).toEqual({
      nothing: false,
      "a message": false,
      pause: true,
      resume: true,
      start: true,
      remove: true,
      endpoint: true,
      "no endpoint": true,
      connected: true,
      disconnected: true,
      "stopped channel": true,
      shutdown: true,
    });
  });

  it("is each system's own, of the tree from there down: what is above or beside changes nothing", async () => {
    const [root, left, right, leaf] = ["root", "left", "right", "leaf"].map((id) => new BaseSystem({ id, logger })) as [
      BaseSystem,
      BaseSystem,
      BaseSystem,
      BaseSystem,
    ];
    root.addSubsystem(left);
    root.addSubsystem(right);
    left.addSubsystem(leaf);
    await stepEnds();
    const revisions = [root, left, right, leaf].map(told);
    leaf.addChannel(channel("deep"));
    await stepEnds();
    expect(revisions.map(({ length }) => length)).toEqual([1, 1, 0, 1]);
  });

  it("does not grow with a channel that was taken away, whatever becomes of it", async () => {
    const system = new BaseSystem({ id: "s", logger });
    await using _running = await system.launch();
    const late = await system.startChannel(channel("late"));
    await system.removeChannel("late");
    await stepEnds();
    const revisions = told(system);
    late.addEndpoint({ transport: "t", url: "t://late" });
    await stepEnds();
    expect(revisions).toEqual([]);
  });

  it("knows things by their ids: one under another id is one that has gone and one that has come", async () => {
    const system = new BaseSystem({ id: "s", logger });
    await using _running = await system.launch();
    await system.startChannel(channel("old"));
    await system.removeChannel("old");
    await system.startChannel(channel("new"));
    expect(system.topology().channels.map(({ id }) => id)).toEqual(["new"]);
  });
});

describe("the topology that a transport is given", () => {
  /** Carries nothing, and keeps what it is shown. */
  function transport(): { readonly given: ChannelTransport; source(): TopologySource } {
    let shown: TopologySource | undefined;
    return {
      given: {
        name: "t",
        attach: () => {},
        detach: () => {},
        start: () => Promise.resolve([]),
        stop: () => Promise.resolve(),
        showTopology: (source) => (shown = source),
      },
      source() {
        if (!shown) throw new Error("nothing was shown");
        return shown;
      },
    };
  }

  it("holds what is public and leads there, and nothing by which private things could be known", async () => {
    const root = new BaseSystem({ id: "root", logger });
    for (const id of ["open", "secret"]) root.addChannel(channel(id, id === "open" ? "public" : "private"));
    const hidden = root.addSubsystem(new BaseSystem({ id: "hidden", logger }), { channels: ["secret"] });
    hidden.addChannel(channel("deep-open", "public"));
    const middle = hidden.addSubsystem(new BaseSystem({ id: "middle", logger }), { channels: ["secret"] });
    middle.addSubsystem(new BaseSystem({ id: "reader", logger }), { channels: [] }).client.connect(root.client.channel("open"));
    root.addSubsystem(new BaseSystem({ id: "loner", logger }), { channels: ["secret"] });
    const { given, source } = transport();
    await using _running = await root.publish({ transport: given });
    const { systems, channels, wires } = source().current;
    expect(systems).toEqual([
      { id: "root", name: "root", state: "running" },
      { id: "hidden", name: "hidden", state: "running", parent: "root" },
      { id: "reader", name: "reader", state: "running", parent: "hidden" },
    ]);
    expect(channels.map(({ id }) => id)).toEqual(["open", "deep-open"]);
    expect(JSON.stringify([channels, wires])).not.toContain("secret");
  });

  it("has revisions of its own, which private things do not move", async () => {
    const root = new BaseSystem({ id: "root", logger });
    root.addChannel(channel("open", "public"));
    root.addSubsystem(new BaseSystem({ id: "loner", logger }));
    const { given, source } = transport();
    await using _running = await root.publish({ transport: given });
    await stepEnds();
    const revisions: number[] = [];
    const { revision } = source().current;
    source().events.on("topology", (change) => revisions.push(change.revision));
    const whole = root.topology().revision;
    await root.startChannel(channel("secret"));
    root.subsystems[0]?.pause();
    await root.removeChannel("secret");
    await stepEnds();
    expect([source().current.revision, revisions, root.topology().revision > whole]).toEqual([revision, [], true]);
    root.pause();
    await stepEnds();
    expect([source().current.revision, revisions]).toEqual([revision + 1, [revision + 1]]);
  });
});
