export { PostgresMessageStore } from "./postgres-message-store.js";
export { type PostgresMessageStoreOptions } from "./options.js";
