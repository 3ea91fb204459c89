import { SSSNError } from "../errors.js";
import { OPERATION_ROLES, type ChannelOperation } from "../ports/roles.js";

/** The one answer to a credential that is not valid: it never says what was wrong with it. */
export function invalidToken(cause?: unknown): SSSNError {
  return new SSSNError(
    "token_invalid",
    "The token is not valid here. Ask the operator of this channel for a new one.",
    cause === undefined ? {} : { cause },
  );
}

/** The caller is known, and may not do this. */
export function insufficientRole(systemId: string, channelId: string, operation: ChannelOperation): SSSNError {
  const role = OPERATION_ROLES[operation];
  return new SSSNError("insufficient_role", `${systemId} may not do "${operation}" on channel ${channelId}: it takes the role "${role}".`, {
    details: { operation, role, channel: channelId },
  });
}
