export { HttpTransport } from "./server/http-transport.js";
export { type HttpTransportOptions } from "./server/http-transport-options.js";
export { type TicketOptions } from "./server/shared-tickets.js";
export { type HttpApplication, type HttpMiddleware } from "./server/http-application.js";
export { type RequestRecord } from "./server/exchange.js";
export { type ReadinessCheck } from "./server/readiness.js";
export { openApiDocument, type OpenApiDocument } from "./protocol/openapi.js";
export { fromProblem, toProblem, type Problem } from "./protocol/problem.js";
export * from "./client.js";
