export { HttpChannel, type CallOptions, type HttpChannelOptions } from "./client/http-channel.js";
export { type ConnectionOptions } from "./client/host-connection.js";
export { type TokenSource } from "./client/token-holder.js";
