import { SSSNError, describe } from "../errors.js";
import { validateIdentifier } from "../identifiers.js";
import { refuseUnknownOptions } from "../options.js";
import { type ChannelSecurity, type Principal, type TokenRequest } from "../ports/channel-security.js";
import { ROLES, roleAllows, roleCovers, type ChannelOperation, type Role } from "../ports/roles.js";
import { insufficientRole, invalidToken } from "./refusals.js";

/**
 * A list of who may do what; a change takes effect with the next call. A credential is the caller's name, which anybody can
 * claim over a network: publish such a channel only where the network itself is trusted.
 *
 * @example
 * ```ts
 * import { ACLSecurity } from "@sssn/core";
 * const security = new ACLSecurity({ read: ["monitor"], write: ["sensor"] });
 * if (security.authorizeWrite("monitor")) throw new Error("the monitor may only read");
 * security.grant("monitor", "write");
 * if (!security.authorizeWrite("monitor")) throw new Error("now it may write");
 * ```
 */
export class ACLSecurity implements ChannelSecurity {
  readonly strength = "list";
  readonly #roles = new Map<string, Role>();

  constructor(grants: Partial<Record<Role, readonly string[]>> = {}) {
    refuseUnknownOptions("ACLSecurity", grants, new Set(ROLES));
    for (const role of ROLES) for (const systemId of grants[role] ?? []) this.grant(systemId, role);
  }

  /**
   * Gives a system a role, which includes the lower ones. A higher role that it has already stays; `observe` and one of the others replace each other.
   *
   * @throws SSSNError `invalid_argument` for a role that does not exist. The case of its letters does not matter.
   */
  grant(systemId: string, role: string): void {
    const granted = ROLES.find((known) => known === role.toLowerCase());
    if (!granted) throw new SSSNError("invalid_argument", `There is no role ${describe(role)}: use one of ${ROLES.join(", ")}.`);
    const current = this.#roles.get(validateIdentifier("system id", systemId));
    if (!current || !roleCovers(current, granted)) this.#roles.set(systemId, granted);
  }

  /** Takes every role away. */
  revoke(systemId: string): void {
    this.#roles.delete(systemId);
  }

  authenticate(credential: string): Promise<Principal | undefined> {
    const role = this.#roles.get(credential);
    return Promise.resolve(role && { systemId: credential, role });
  }

  authorizeRead(systemId: string): boolean {
    return roleCovers(this.#roles.get(systemId), "read");
  }

  authorizeWrite(systemId: string): boolean {
    return roleCovers(this.#roles.get(systemId), "write");
  }

  authorizeAdmin(systemId: string): boolean {
    return roleCovers(this.#roles.get(systemId), "admin");
  }

  authorizeRole(systemId: string, _channelId: string, role: "watch" | "observe"): boolean {
    return roleCovers(this.#roles.get(systemId), role);
  }

  async authorizeRequest(credential: string, channelId: string, operation: ChannelOperation): Promise<Principal> {
    const principal = await this.authenticate(credential);
    if (!principal) throw invalidToken();
    if (!roleAllows(principal.role, operation)) throw insufficientRole(principal.systemId, channelId, operation);
    return principal;
  }

  /** Grants the role, and gives the name back as the credential. @throws SSSNError `invalid_argument` without a role: there is one for all channels. */
  async generateToken({ systemId, role }: TokenRequest): Promise<string> {
    this.grant(systemId, role ?? "");
    return systemId;
  }
}
