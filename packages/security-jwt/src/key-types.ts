// Said here and not taken from jose, whose types a CommonJS program can't import.

/** A key that was imported already: Web Crypto's `CryptoKey`, or Node's `KeyObject`. */
export interface ImportedKey {
  /** `secret`, `public` or `private`. */
  readonly type: string;
}

/** A key set (RFC 7517), as it stands at the address where it is published. */
export interface PublishedKeySet {
  readonly keys: readonly { readonly kty?: string; readonly kid?: string; readonly alg?: string; readonly [member: string]: unknown }[];
}
