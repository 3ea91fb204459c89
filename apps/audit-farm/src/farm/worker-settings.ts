import type { AuditPlace } from "../audit/audit-package.js";
import { objectOf } from "../tree/manifest.js";

/** How a worker process reaches the channels of its audit. */
export type WorkerConnection =
  /** They are published: with its own token. */
  | { readonly kind: "http"; readonly url: string; readonly token: string }
  /** It opens the store itself. */
  | { readonly kind: "store"; readonly address: string };

/** What a worker process is told, over the pipe to its parent: command lines and environments can be read by others. */
export interface WorkerSettings {
  readonly id: string;
  readonly run: string;
  readonly place: AuditPlace;
  readonly connection: WorkerConnection;
}

/** What a worker process tells its parent. */
export type WorkerNews = { readonly state: "working" } | { readonly state: "failed"; readonly reason: string };

/** Both ends of the pipe are this program, so one look is enough to tell its messages from others. */
export function isWorkerSettings(message: unknown): message is WorkerSettings {
  return objectOf(objectOf(message)?.["connection"]) !== undefined;
}

/** As {@link isWorkerSettings}, of the other direction. */
export function isWorkerNews(message: unknown): message is WorkerNews {
  const state = objectOf(message)?.["state"];
  return state === "working" || state === "failed";
}
