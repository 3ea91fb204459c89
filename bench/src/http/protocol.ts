/** The servers of the comparison. */
export const SERVER_NAMES = [
  "SSSN, memory",
  "SSSN, LevelDB flushed",
  "node:http",
  "node:http + jwtVerify",
  "express",
  "express + jwtVerify",
  "fastify",
  "fastify + jwtVerify",
] as const;
export type ServerName = (typeof SERVER_NAMES)[number];

/** What a server is told over IPC. */
export type ServerCommand = { readonly type: "publish"; readonly count: number } | { readonly type: "memory" } | { readonly type: "close" };

/** What it says. */
export type ServerReport =
  | { readonly type: "ready"; readonly port: number; readonly token: string }
  | { readonly type: "published" }
  | { readonly type: "memory"; readonly megabytes: number };
