import { HttpChannel } from "sssn";
import { openStore } from "@sssn/open-store";
import { auditChannels, auditContracts } from "../channels.js";
import { AuditWorker } from "./audit-worker.js";
import type { WorkerSettings } from "./worker-settings.js";

/** A worker that is connected to its audit's channels, before it has begun. @throws what opening the store throws. */
export async function connectWorker({ id, run, place, connection }: WorkerSettings): Promise<AuditWorker> {
  const worker = new AuditWorker({ id, run, place });
  if (connection.kind === "http") {
    const { url, token } = connection;
    const { packages, findings } = auditContracts(run);
    for (const contract of [packages, findings]) worker.client.connect(new HttpChannel({ url, token, id: contract.id }));
    return worker;
  }
  const store = worker.use(await openStore(connection.address));
  const { failures, findings, packages } = auditChannels(run, store);
  for (const channel of [failures, findings, packages]) worker.addChannel(channel);
  return worker;
}
