export { HttpChannel, type HttpChannelOptions } from "./client/http-channel.js";
export { type TokenSource } from "./client/requester.js";
