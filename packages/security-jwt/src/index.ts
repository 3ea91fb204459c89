export { JWTChannelSecurity, type JWTSecurityOptions } from "./jwt-channel-security.js";
export { ALGORITHMS, type Algorithm, type JWKSSource, type JWTKey } from "./keys.js";
export { type ImportedKey, type PublishedKeySet } from "./key-types.js";
export { systemIdOf, type ClaimMapping, type ClaimSource } from "./claims.js";
export { type RevocationOptions } from "./shared-revocations.js";
