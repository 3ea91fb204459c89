export { PostgresMessageStore } from "./postgres-message-store.js";
export { type PostgresMessageStoreOptions } from "./options.js";
export { StoreTransaction, type FinalSettlement } from "./store-transaction.js";
