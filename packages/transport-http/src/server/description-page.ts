import type { OpenApiDocument } from "../protocol/openapi.js";
import { ROUTES, routeNames, type Route } from "../protocol/routes.js";
import { HOST_ROUTES } from "../protocol/host-routes.js";
import { HOST_OPERATIONS, OPERATION_ROLES } from "@sssn/core";

const STYLE =
  "body{font:16px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem;color:#1d2430}h2{margin-top:2.5rem;font-size:1.1rem}code,pre{background:#f2f4f7;border-radius:4px;padding:.1em .3em}pre{padding:.8em;overflow:auto}small{color:#5b6472}";

/** The OpenAPI document for people: one page without a script, which needs no network. */
export function descriptionPage(document: OpenApiDocument): string {
  const { title, description } = document["info"] as { title: string; description: string };
  const { topology } = HOST_ROUTES;
  const host = `<h2 id="topology"><code>GET ${topology.path}</code></h2><p>${escape(topology.summary)} <small>role ${OPERATION_ROLES[HOST_OPERATIONS.topology]}</small></p>${shown("Query", topology.query.properties)}${shown("Answer", topology.answer)}`;
  const sections = routeNames.map((name) => section(name, ROUTES[name])).join("");
  return `<!doctype html><html lang="en"><head><meta charset="utf-8"><title>${escape(title)}</title><style>${STYLE}</style></head><body><h1>${escape(title)}</h1><p>${escape(description)}</p><p>For programs: <a href="/openapi.json">/openapi.json</a>. Every request but <code>/healthz</code>, <code>/readyz</code> and these two pages takes <code>Authorization: Bearer &lt;token&gt;</code>. <code>GET /channels</code> lists what a token may see.</p>${sections}${host}</body></html>`;
}

function section(name: string, { method, path, summary, operation, query, body, answer }: Route): string {
  return `<h2 id="${name}"><code>${method} /channels/{id}${path}</code></h2><p>${escape(summary)} <small>role ${OPERATION_ROLES[operation]}</small></p>${shown("Query", query?.properties)}${shown("Body", body)}${shown("Answer", answer)}`;
}

function shown(title: string, schema: unknown): string {
  return schema === undefined ? "" : `<p>${title}</p><pre>${escape(JSON.stringify(schema, undefined, 2))}</pre>`;
}

function escape(text: string): string {
  return text.replaceAll("&", "&amp;").replaceAll("<", "&lt;").replaceAll(">", "&gt;").replaceAll('"', "&quot;");
}
