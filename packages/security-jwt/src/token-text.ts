const COMPACT = /^[\w-]+\.[\w-]+\.[\w-]+$/;

/** The characters that can end a part of a length, so that no unused bits are set: with two left over the last one has two bits, with three four. */
const LAST_OF_TWO = /[AQgw]$/;
const LAST_OF_THREE = /[AEIMQUYcgkosw048]$/;

/**
 * Whether a token is spelt in the one way that the standard has for it: three parts of base64url without padding, spaces or unused bits.
 * Decoders accept more, so that one token would have several texts.
 */
export function isCanonical(token: string): boolean {
  return COMPACT.test(token) && token.split(".").every(isCanonicalPart);
}

function isCanonicalPart(part: string): boolean {
  switch (part.length % 4) {
    case 0:
      return true;
    case 2:
      return LAST_OF_TWO.test(part);
    case 3:
      return LAST_OF_THREE.test(part);
    default:
      return false;
  }
}
