/** What a principal may do: each role includes the ones before it. */
export type Role = "read" | "write" | "admin";

/** Roles from the least to the most powerful. */
export const ROLES: readonly Role[] = ["read", "write", "admin"];

/** Tells whether a granted role covers a needed one. Anything that is no role covers nothing. */
export function roleCovers(granted: unknown, needed: Role): boolean {
  const level = ROLES.indexOf(granted as Role);
  return level >= 0 && level >= ROLES.indexOf(needed);
}

/** Every operation on a channel and the role that it takes. The routes, the checks and the documented table come from here. */
export const OPERATION_ROLES = {
  info: "read",
  read: "read",
  commit: "read",
  seek: "read",
  stream: "read",
  claim: "read",
  acknowledge: "read",
  nack: "read",
  "dead-letter": "read",
  extend: "read",
  write: "write",
  history: "admin",
  stats: "admin",
  clear: "admin",
  evict: "admin",
  remove: "admin",
  requeue: "admin",
} as const satisfies Record<string, Role>;

/** The name of an operation on a channel. */
export type ChannelOperation = keyof typeof OPERATION_ROLES;

/** Who a request is from, after authentication. */
export interface Principal {
  readonly systemId: string;
  /** Where the scheme has one. */
  readonly role?: Role;
  /** When the credential ends, in ms since the Unix epoch; streams end with it. */
  readonly expiresAt?: number;
}

/** Whom a credential is for, and what it allows. */
export interface TokenRequest {
  readonly systemId: string;
  readonly role: Role;
  /** Channel ids, or `"*"` for all. Left out: none. */
  readonly channels?: readonly string[] | "*";
  /** Lifetime in seconds. Default 86 400. */
  readonly expiresInSeconds?: number;
}

/** Decides who may do what to a channel. */
export interface ChannelSecurity {
  /** `open` lets everybody in and `list` trusts the name that a caller gives: neither is fit for a network. */
  readonly strength: "open" | "list" | "token";
  /** Who a credential belongs to; `undefined` when it is not valid. */
  authenticate(credential: string): Promise<Principal | undefined>;
  authorizeRead(systemId: string, channelId: string): Promise<boolean> | boolean;
  authorizeWrite(systemId: string, channelId: string): Promise<boolean> | boolean;
  authorizeAdmin(systemId: string, channelId: string): Promise<boolean> | boolean;
  /**
   * What a transport asks before it dispatches anything: authenticates the credential and authorizes the operation.
   *
   * @throws SSSNError `token_invalid`, `token_expired`, `insufficient_role`, `insufficient_scope`.
   */
  authorizeRequest(credential: string, channelId: string, operation: ChannelOperation): Promise<Principal>;
  /** Issues a credential. */
  generateToken(request: TokenRequest): Promise<string>;
}
