// The smallest local topology: a sensor writes readings into a channel, a monitor that was wired to it reads them.
import { BaseSystem, BroadcastChannel, LevelMessageStore, runAsProgram } from "sssn";

const store = new LevelMessageStore({ folder: "./quickstart-data" });

class Sensor extends BaseSystem {
  override async step(): Promise<void> {
    await this.client.write("readings", { celsius: 20 + Math.round(Math.random() * 50) / 10 });
  }
}

class Monitor extends BaseSystem {
  override async step(): Promise<void> {
    const { messages } = await this.client.read<{ celsius: number }>("readings");
    for (const { sequence, senderId, content } of messages) console.log(`#${sequence} from ${senderId}: ${content.celsius} °C`);
  }
}

class House extends BaseSystem {
  override setup(): void {
    this.use(store);
    this.addChannel(new BroadcastChannel({ id: "readings", store, retention: { maxCount: 1_000 } }));
    this.addSubsystem(new Sensor({ id: "sensor", tickRate: 2 }), { channels: ["readings"] });
    this.addSubsystem(new Monitor({ id: "monitor" }), { channels: ["readings"] });
  }
}

await runAsProgram(() => new House({ id: "house" }).launch(), {
  onClosed: () => console.log("Stopped. Start it again: it goes on where it was."),
});
