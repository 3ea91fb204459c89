import { validateIdentifier } from "../identifiers.js";
import type { ChannelSecurity, Principal, TokenRequest } from "../ports/channel-security.js";
import { invalidToken } from "./refusals.js";

/** Lets everybody do everything; a credential is simply the caller's name. For development, on this machine. */
export class OpenSecurity implements ChannelSecurity {
  readonly strength = "open";

  authenticate(credential: string): Promise<Principal | undefined> {
    try {
      return Promise.resolve({ systemId: validateIdentifier("system id", credential) });
    } catch {
      return Promise.resolve(undefined);
    }
  }

  authorizeRead(): boolean {
    return true;
  }

  authorizeWrite(): boolean {
    return true;
  }

  authorizeAdmin(): boolean {
    return true;
  }

  authorizeRole(): boolean {
    return true;
  }

  async authorizeRequest(credential: string): Promise<Principal> {
    const principal = await this.authenticate(credential);
    if (!principal) throw invalidToken();
    return principal;
  }

  generateToken({ systemId }: TokenRequest): Promise<string> {
    return Promise.resolve(validateIdentifier("system id", systemId));
  }
}
