export { DiscoveryChannel, type DiscoveryOptions } from "./discovery-channel.js";
export { Directory, type DirectoryChange, type DirectoryOptions } from "./directory.js";
export { checkRegistration, type Registration } from "./registration.js";
export { type ChannelQuery, type DirectoryEntry, type SystemQuery } from "./registration-index.js";
export { CapabilityCaller, type CallOptions as CapabilityCallOptions } from "./capability-caller.js";
export { Registrar, type RegistrarOptions } from "./registrar.js";
