/** The protocol's own paths: nothing that a user adds may stand there or below. */
export const OWN_PATHS = ["/channels", "/topology", "/healthz", "/readyz", "/openapi.json", "/docs"] as const;

/** One of {@link OWN_PATHS}. */
export type OwnPath = (typeof OWN_PATHS)[number];
