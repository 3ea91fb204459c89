export { LevelMessageStore, type LevelMessageStoreOptions } from "./level-message-store.js";
