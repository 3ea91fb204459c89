import type { ChannelOperation } from "@sssn/core";
import { object, type ObjectSchema, type Schema } from "./schemas.js";

/** One route of a channel: what it takes, what it is allowed to, and what it answers with. */
export interface Route {
  readonly method: "GET" | "POST";
  /** Below `/channels/{id}`. */
  readonly path: string;
  /** Decides which role it takes. */
  readonly operation: ChannelOperation;
  readonly summary: string;
  readonly query?: ObjectSchema;
  readonly body?: ObjectSchema;
  readonly status: 200 | 201;
  /** Left out: the answer is a stream of events. */
  readonly answer?: Schema;
}

/** Whether there was what was deleted. */
export const existed = object({ existed: { type: "boolean", description: "Whether there was one." } }, ["existed"]);
