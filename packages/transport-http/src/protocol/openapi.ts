import { ERRORS, HOST_OPERATIONS, OPERATION_ROLES, type ErrorCode, type HostOperation } from "@sssn/core";
import { HOST_ROUTES, type HostRoute } from "./host-routes.js";
import { ROUTES, routeNames, routeOf, type Route, type RouteName } from "./routes.js";
import { COMPONENTS, list, object, reference, type ObjectSchema, type Schema } from "./schemas.js";

/** An OpenAPI 3.1 document, as JSON. */
export type OpenApiDocument = Readonly<Record<string, unknown>>;

const json = (schema: Schema): unknown => ({ "application/json": { schema } });
const problem = (description: string): unknown => ({
  description,
  content: { "application/problem+json": { schema: reference("Problem") } },
});
const anyOther = { default: problem("Anything else: a problem document (RFC 9457).") };

/** Answers that are problems, by status, each with the codes that it may have. */
function problems(statuses: readonly number[]): Record<string, unknown> {
  const codes = Object.keys(ERRORS) as ErrorCode[];
  return Object.fromEntries(
    statuses.map((status) => [status, problem(`A problem: ${codes.filter((code) => ERRORS[code].status === status).join(", ")}.`)]),
  );
}

/** What every request may be answered that is refused for its form or its token. */
const REFUSED = [401, 403, 421, 431];
const idParameter = { name: "id", in: "path", required: true, description: "The channel's id.", schema: { type: "string" } };
const lastEventId = {
  name: "Last-Event-ID",
  in: "header",
  required: false,
  description: "The last sequence that was received; an EventSource sends it when it comes back.",
  schema: { type: "string" },
};

/** Describes the routes that a host answers, from the very table that it answers them with. */
export function openApiDocument(): OpenApiDocument {
  const paths: Record<string, Record<string, unknown>> = {
    ...Object.fromEntries(hostRoutes.map(([name, route]) => [route.path, { get: hostOperation(name, route) }])),
    "/healthz": { get: health("health", "whether the process answers", ["ok"]) },
    "/readyz": {
      get: health("readiness", "whether it can be given work: false while it starts, drains, or can't reach its store", [
        "ready",
        "not ready",
      ]),
    },
  };
  for (const name of routeNames) {
    const route = routeOf(name);
    (paths[`/channels/{id}${route.path}`] ??= {})[route.method.toLowerCase()] = operation(name, route);
  }
  return {
    openapi: "3.1.0",
    info: {
      title: "SSSN host",
      version: "1",
      description:
        "Channels over HTTP. A GET never changes state; a write is idempotent by its id; what was read counts as consumed once it is committed.",
      license: { name: "MIT", identifier: "MIT" },
    },
    servers: [{ url: "/", description: "The host that serves this description." }],
    paths,
    components: {
      schemas: COMPONENTS,
      securitySchemes: {
        bearer: { type: "http", scheme: "bearer", description: "What the channel's security takes: a JSON Web Token, say." },
      },
    },
    "x-errors": ERRORS,
  };
}

/** What a host is asked, as rows of a table and as operations. */
const hostRoutes = Object.entries(HOST_ROUTES) as [HostOperation, HostRoute][];

function hostOperation(operationId: HostOperation, { summary, query, answer }: HostRoute): unknown {
  const asked = HOST_OPERATIONS[operationId];
  return {
    operationId,
    summary,
    description: `Tells of the channels on which the token has the role ${OPERATION_ROLES[asked]}.`,
    "x-operation": asked,
    security: [{ bearer: [] }],
    parameters: parametersOf(query),
    responses: {
      200: { description: "Done.", content: json(answer) },
      ...problems([...(query ? [400] : []), ...REFUSED]),
      ...anyOther,
    },
  };
}

function health(operationId: string, summary: string, statuses: readonly string[]): unknown {
  const content = json(object({ status: { type: "string", enum: statuses }, failing: list({ type: "string" }) }, ["status"]));
  return {
    operationId,
    summary,
    security: [],
    responses: { 200: { description: "Yes.", content }, 503: { description: "No.", content }, ...problems([431]) },
  };
}

function operation(name: RouteName, { summary, operation: asked, query, body, status, answer }: Route): unknown {
  const parameters = [idParameter, ...parametersOf(query), ...(name === "stream" ? [lastEventId] : [])];
  return {
    operationId: name,
    summary,
    description: `Takes the role ${OPERATION_ROLES[asked]}.`,
    "x-operation": asked,
    security: name === "stream" ? [{ bearer: [] }, {}] : [{ bearer: [] }],
    parameters,
    ...(body ? { requestBody: { required: (body.required?.length ?? 0) > 0, content: json(body) } } : {}),
    responses: {
      [status]: answer
        ? { description: "Done.", content: json(answer) }
        : {
            description: "Events: first `position`, then one for each message, whose id is its sequence.",
            content: { "text/event-stream": { schema: { type: "string" } } },
          },
      ...problems(
        [...(query || body ? [400] : []), ...REFUSED, 404, 405, 410, ...(body ? [413, 415] : [])].sort((left, right) => left - right),
      ),
      ...anyOther,
    },
  };
}

function parametersOf(query: ObjectSchema | undefined): unknown[] {
  return Object.entries(query?.properties ?? {}).map(([name, schema]) => ({
    name,
    in: "query",
    required: false,
    ...(schema.description === undefined ? {} : { description: schema.description }),
    schema,
  }));
}

/** The routes as rows of a table, for the documentation. */
export function routeTable(): string {
  const rows = routeNames.map((name) => {
    const { method, path, operation: asked, summary, query, body } = ROUTES[name] as Route;
    const taken = body && Object.keys(body.properties).length > 0 ? ` \`{ ${membersOf(body)} }\`` : "";
    const asks = query ? `?${Object.keys(query.properties).join("&")}` : "";
    return `| \`${method} /:id${path}${asks}\`${taken} | ${summary} | ${OPERATION_ROLES[asked]} |`;
  });
  const { topology } = HOST_ROUTES;
  return [
    "| route (below `/channels`) | does | role |",
    "| --- | --- | --- |",
    "| `GET /` | lists what this token may see | watch |",
    ...rows,
    `| \`GET ${topology.path}?${Object.keys(topology.query.properties).join("&")}\`, beside \`/channels\` | ${topology.summary} | ${OPERATION_ROLES[HOST_OPERATIONS.topology]} |`,
  ].join("\n");
}

function membersOf({ properties, required = [] }: ObjectSchema): string {
  return Object.keys(properties)
    .map((name) => (required.includes(name) ? name : `${name}?`))
    .join(", ");
}
