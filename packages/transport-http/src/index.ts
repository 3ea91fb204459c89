export { HttpTransport, type HttpTransportOptions } from "./server/http-transport.js";
export { fromProblem, toProblem, type Problem } from "./protocol.js";
export * from "./client.js";
