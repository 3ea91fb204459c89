import { createLocalJWKSet, createRemoteJWKSet, errors, type JSONWebKeySet, type JWTVerifyGetKey } from "jose";
import { SSSNError } from "@sssn/core";
import { checkAlgorithm, type JWKSSource, type KeyRing } from "./keys.js";

/** How long a key set is good before it is fetched anew: as long as a withdrawn key works at the most. */
const GOOD_FOR_MS = 600_000;
/** After so many failures in a row the key set's address is left alone for a moment. */
const MOST_FAILURES = 3;
const PAUSE_MS = 1_000;

/** Keys that are published elsewhere: tokens are checked, not issued. @throws SSSNError `invalid_argument`. */
export function makePublishedKeyRing({ algorithms, jwks }: JWKSSource): KeyRing {
  for (const algorithm of algorithms) {
    checkAlgorithm(algorithm);
    if (algorithm.startsWith("HS"))
      throw new SSSNError("invalid_argument", `${algorithm} takes a shared secret, which is never published in a key set.`);
  }
  const signing = (): Promise<undefined> => Promise.resolve(undefined);
  if (jwks instanceof URL) return { algorithms, signing, ...followKeySet(jwks) };
  // jose copies the set, and checks each of its keys before it is used.
  return { algorithms, signing, haveChanged: () => false, verification: createLocalJWKSet(jwks as JSONWebKeySet) };
}

/** The keys at an address, as they are there now: what is no longer there is good for nothing, whatever was verified with it before. */
function followKeySet(address: URL): Pick<KeyRing, "verification" | "haveChanged"> {
  const remote = createRemoteJWKSet(address, { cooldownDuration: 30_000, cacheMaxAge: GOOD_FOR_MS });
  let known: string | undefined;
  let fetching: Promise<void> | undefined;
  let leftAloneUntil = -Infinity;
  let failures = 0;

  const fetchAnew = async (): Promise<void> => {
    if (performance.now() < leftAloneUntil) throw unavailable(address);
    try {
      await remote.reload();
      failures = 0;
    } catch (error) {
      if (++failures >= MOST_FAILURES) leftAloneUntil = performance.now() + PAUSE_MS;
      throw unavailable(address, error);
    }
  };

  const haveChanged = async (): Promise<boolean> => {
    if (!remote.fresh) await (fetching ??= fetchAnew().finally(() => (fetching = undefined)));
    const now = JSON.stringify(remote.jwks());
    const changed = known !== undefined && known !== now;
    known = now;
    return changed;
  };

  const verification: JWTVerifyGetKey = async (header, token) => {
    try {
      return await remote(header, token);
    } catch (error) {
      // Every other failure is one of fetching, or of what was fetched: nothing that can be said of the token.
      if (
        error instanceof errors.JWKSNoMatchingKey ||
        error instanceof errors.JWKSMultipleMatchingKeys ||
        error instanceof errors.JOSENotSupported
      )
        throw error;
      throw unavailable(address, error);
    }
  };
  return { verification, haveChanged };
}

function unavailable(address: URL, cause?: unknown): SSSNError {
  return new SSSNError(
    "keys_unavailable",
    `Tokens can't be checked now, because the keys at ${address.origin} can't be had. Try again in a moment.`,
    cause === undefined ? {} : { cause },
  );
}
