import { MAX_WAIT_MS, type HostOperation } from "@sssn/core";
import { integer, list, object, reference, type ObjectSchema, type Schema } from "./schemas.js";

/** Something that a host is asked, and no channel: always with GET. */
export interface HostRoute {
  readonly path: string;
  readonly summary: string;
  readonly query?: ObjectSchema;
  readonly answer: Schema;
}

/** Everything that a host is asked with a token and that is of no single channel. */
export const HOST_ROUTES = {
  list: {
    path: "/channels",
    summary: "the channels that this token may see",
    answer: object({ channels: list(reference("ChannelInfo")) }, ["channels"]),
  },
  topology: {
    path: "/topology",
    summary: "systems, channels, wires and endpoints, as far as this token may observe them; waits for a change if asked to",
    query: object({
      after: integer(0, Number.MAX_SAFE_INTEGER, "The revision that is known. Default: none."),
      since: integer(0, Number.MAX_SAFE_INTEGER, "When the known revision began: a host that was started anew counts from 1 again."),
      waitMs: integer(0, MAX_WAIT_MS, "How long to wait for another revision than the known one, in ms. Default 0."),
    }),
    answer: reference("Topology"),
  },
} as const satisfies Record<HostOperation, HostRoute>;
