import type { ChannelOperation, Role } from "./roles.js";

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
  /** Who shows it: an identifier. */
  readonly systemId: string;
  /** For every channel in `channels`. Left out: `roles` says it all. */
  readonly role?: Role;
  /** Channel ids, or `"*"` for all. Left out: none. */
  readonly channels?: readonly string[] | "*";
  /**
   * A role a channel: by its id, or by how its id begins and a `*`, such as `"orders-*"`. The longest that fits counts, and before
   * `role`.
   */
  readonly roles?: Readonly<Record<string, Role>>;
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
   * Whether a system has a role on a channel, for those two that have no method of their own. Left out: `watch` takes what `read`
   * takes, and `observe` what `admin` takes.
   */
  authorizeRole?(systemId: string, channelId: string, role: "watch" | "observe"): Promise<boolean> | boolean;
  /**
   * What a transport asks before it dispatches anything: authenticates the credential and authorizes the operation.
   *
   * @throws SSSNError `token_invalid`, `token_expired`, `insufficient_role`, `insufficient_scope`, and `keys_unavailable` or
   * `revocations_unavailable` when it can't be told now.
   */
  authorizeRequest(credential: string, channelId: string, operation: ChannelOperation): Promise<Principal>;
  /** Whether credentials can be judged now: `/readyz` asks it. Left out: always. */
  isReady?(): Promise<boolean> | boolean;
  /** Issues a credential. */
  generateToken(request: TokenRequest): Promise<string>;
}
