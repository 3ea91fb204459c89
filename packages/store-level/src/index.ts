export { LevelMessageStore, type LevelMessageStoreOptions } from "./level-message-store.js";
export { verifyStore, type ChannelReport, type StoreReport } from "./offline/verify-store.js";
export { repairStore, type RepairReport } from "./offline/repair-store.js";
