export { HttpChannel, type CallOptions } from "./client/http-channel.js";
export { type HttpChannelOptions } from "./client/http-channel-options.js";
export { HttpHost, type HttpHostOptions, type TopologyOptions } from "./client/http-host.js";
export { type ConnectionOptions, type ConnectionState } from "./client/host-connection.js";
export { type TokenSource } from "./client/token-holder.js";
export { httpConnector, type HttpConnectorOptions } from "./client/http-connector.js";
