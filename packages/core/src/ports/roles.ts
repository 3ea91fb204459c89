/**
 * What a principal may do. `watch`, `read`, `write` and `admin` are a ladder: each includes the ones before it. `observe` stands beside it:
 * it looks at everything and changes nothing.
 */
export type Role = "observe" | "watch" | "read" | "write" | "admin";

const LADDER: readonly Role[] = ["watch", "read", "write", "admin"];

/** Every role; those of the ladder from the least to the most powerful. */
export const ROLES: readonly Role[] = ["observe", ...LADDER];

/** Tells whether a granted role covers a needed one. Anything that is no role covers nothing. */
export function roleCovers(granted: unknown, needed: Role): boolean {
  if (needed === "observe") return granted === "observe" || granted === "admin";
  const level = LADDER.indexOf(granted as Role);
  return level >= 0 && level >= LADDER.indexOf(needed);
}

/** Every operation on a channel and the role that it takes. The routes, the checks and the documented table come from here. */
export const OPERATION_ROLES = {
  info: "watch",
  read: "watch",
  commit: "watch",
  seek: "watch",
  stream: "watch",
  claim: "read",
  acknowledge: "read",
  nack: "read",
  "dead-letter": "read",
  extend: "read",
  write: "write",
  history: "observe",
  stats: "observe",
  jobs: "observe",
  clear: "admin",
  evict: "admin",
  remove: "admin",
  requeue: "admin",
  regime: "admin",
  cancel: "admin",
  reschedule: "admin",
  "delete-group": "admin",
  "delete-cursor": "admin",
} as const satisfies Record<string, Role>;

/** The name of an operation on a channel. */
export type ChannelOperation = keyof typeof OPERATION_ROLES;

/**
 * What can be asked of a host, and the operation that a channel has to allow for it to be in the answer: who may do that on no channel there is refused,
 * or answered with nothing.
 */
export const HOST_OPERATIONS = { list: "info", topology: "stats" } as const satisfies Record<string, ChannelOperation>;

/** The name of something that can be asked of a host. */
export type HostOperation = keyof typeof HOST_OPERATIONS;

/** Tells whether a granted role allows an operation. What a channel is called, an observer may know as well. */
export function roleAllows(granted: unknown, operation: ChannelOperation): boolean {
  return roleCovers(granted, OPERATION_ROLES[operation]) || (granted === "observe" && operation === "info");
}
