import { startNats } from "../servers.js";
import { Quota, inParallel, type Body, type Contender, type Queue } from "./contender.js";
import { loadPeer } from "./peers.js";

interface Message {
  json(): Body;
  ack(): void;
}
interface Consumer {
  fetch(options: { max_messages: number; expires: number }): Promise<AsyncIterable<Message>>;
  consume(options?: { max_messages: number }): Promise<AsyncIterable<Message> & { stop(): void }>;
}
interface Connection {
  flush(): Promise<void>;
  close(): Promise<void>;
}
interface Transport {
  connect(options: { port: number }): Promise<Connection>;
}
interface JetStream {
  jetstream(connection: Connection): {
    publish(subject: string, payload: string): Promise<unknown>;
    consumers: { get(stream: string, consumer?: string): Promise<Consumer> };
  };
  jetstreamManager(connection: Connection): Promise<{
    streams: { add(options: object): Promise<unknown>; delete(name: string): Promise<unknown> };
    consumers: { add(stream: string, options: object): Promise<unknown> };
  }>;
}

let streams = 0;

export async function jetStream(): Promise<Contender> {
  const { connect } = loadPeer<Transport>("@nats-io/transport-node");
  const { jetstream, jetstreamManager } = loadPeer<JetStream>("@nats-io/jetstream");
  const server = await startNats();
  return {
    name: "JetStream, file store",
    durability: "acknowledges before it flushes (every 2 minutes)",
    stop: () => server.stop(),
    async open(): Promise<Queue> {
      const connection = await connect({ port: server.port });
      const manager = await jetstreamManager(connection);
      const stream = `bench${++streams}`;
      await manager.streams.add({ name: stream, subjects: [stream], storage: "file" });
      await manager.consumers.add(stream, { durable_name: "workers", ack_policy: "explicit", max_ack_pending: 100_000 });
      const client = jetstream(connection);
      const write = (message: object): Promise<unknown> => client.publish(stream, JSON.stringify(message));
      return {
        write,
        writeBatch: (messages) => Promise.all(messages.map(write)),
        async consume(count, { workers, batch }) {
          const quota = new Quota(count);
          await inParallel(workers, async () => {
            const consumer = await client.consumers.get(stream, "workers");
            while (!quota.isOver) {
              const share = quota.share(batch);
              quota.took(share);
              for await (const message of await consumer.fetch({ max_messages: share, expires: 5_000 })) {
                message.json();
                message.ack();
              }
              await connection.flush();
            }
          });
        },
        async readAll(count) {
          const consumer = await client.consumers.get(stream);
          let read = 0;
          for await (const message of await consumer.consume({ max_messages: 1_000 })) {
            message.json();
            if (++read >= count) return;
          }
        },
        async listen(handler) {
          const messages = await (await client.consumers.get(stream, "workers")).consume();
          const ended = (async () => {
            for await (const message of messages) {
              handler(message.json());
              message.ack();
            }
          })();
          return () => {
            messages.stop();
            return ended;
          };
        },
        async close() {
          await manager.streams.delete(stream);
          await connection.close();
        },
      };
    },
  };
}
