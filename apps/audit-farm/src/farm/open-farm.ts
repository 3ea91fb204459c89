import { HttpTransport, type JWTChannelSecurity, type RunningSystem } from "sssn";
import type { AuditPlace } from "../audit/audit-package.js";
import { auditContracts, type AuditChannels } from "../channels.js";
import type { Coordinator } from "../coordinator.js";
import type { Settings } from "../settings.js";
import { WorkerProcesses } from "./worker-processes.js";
import type { WorkerConnection, WorkerSettings } from "./worker-settings.js";
import type { Workers } from "./workers.js";
import { WorkersHere } from "./workers-here.js";

/** A coordinator that runs, and workers that have not begun. */
export interface Farm {
  readonly running: RunningSystem;
  readonly workers: Workers;
  /** The same workers, where they are processes and can be killed. */
  readonly processes?: WorkerProcesses;
}

/** What a farm is made of. */
export interface FarmParts {
  readonly settings: Settings;
  readonly run: string;
  readonly place: AuditPlace;
  readonly coordinator: Coordinator;
  readonly channels: AuditChannels;
  readonly security: JWTChannelSecurity;
}

/** Brings an audit up in the topology that the settings name. Nothing else in this program depends on it. */
export async function openFarm(parts: FarmParts): Promise<Farm> {
  const { settings, run, place, coordinator, channels } = parts;
  switch (settings.topology) {
    case "local":
      return { running: await coordinator.launch(), workers: new WorkersHere(channels, run, place, settings.workers) };
    case "published": {
      const running = await coordinator.publish({ transport: new HttpTransport({ port: settings.port }) });
      const url = running.addresses[0] ?? "";
      return withProcesses(running, parts, async (id) => ({ kind: "http", url, token: await tokenOf(id, parts) }));
    }
    case "database":
      return withProcesses(await coordinator.launch(), parts, async () => ({ kind: "store", address: settings.store }));
  }
}

function withProcesses(
  running: RunningSystem,
  { settings, run, place }: FarmParts,
  connectionOf: (id: string) => Promise<WorkerConnection>,
): Farm {
  const settingsOf = async (id: string): Promise<WorkerSettings> => ({
    ...{ id, run, place },
    connection: await connectionOf(id),
  });
  const processes = new WorkerProcesses(settings.workers, settingsOf);
  return { running, workers: processes, processes };
}

/** What one worker needs and no more: it takes packages and writes findings. */
async function tokenOf(id: string, { run, security }: FarmParts): Promise<string> {
  const { packages, findings } = auditContracts(run);
  return security.generateToken({ systemId: id, roles: { [packages.id]: "read", [findings.id]: "write" } });
}
