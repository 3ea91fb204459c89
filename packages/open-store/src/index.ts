export { copyStore, type CopiedChannel, type CopyOptions, type CopyProgress, type CopyResult } from "@sssn/core/log-state";
export { openStore, type OpenStoreOptions } from "./open-store.js";
