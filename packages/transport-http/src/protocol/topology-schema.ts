import { CHANNEL_KINDS } from "@sssn/core";
import { integer, list, object, type ObjectSchema } from "./schema-forms.js";

/** A tree of systems, as far as it is told. */
export const topology: ObjectSchema = object(
  {
    revision: integer(1, Number.MAX_SAFE_INTEGER, "Grows by one with each change."),
    since: { type: "integer", description: "When this revision began, in ms since the Unix epoch." },
    systems: list(
      object(
        {
          id: { type: "string" },
          name: { type: "string" },
          state: { type: "string", enum: ["init", "running", "paused", "stopped", "error"] },
          parent: { type: "string", description: "The next system above it that is told of; left out for the root." },
        },
        ["id", "name", "state"],
      ),
    ),
    channels: list(
      object(
        {
          id: { type: "string" },
          kind: { type: "string", enum: CHANNEL_KINDS },
          state: { type: "string", enum: ["init", "running", "draining", "stopped"] },
          owner: { type: "string", description: "The system that owns it." },
          visibility: { type: "string", enum: ["public", "private"] },
        },
        ["id", "kind", "state", "owner", "visibility"],
      ),
    ),
    wires: list(object({ system: { type: "string" }, channel: { type: "string" } }, ["system", "channel"])),
    endpoints: list(
      object({ channel: { type: "string" }, transport: { type: "string" }, url: { type: "string" } }, ["channel", "transport", "url"]),
    ),
  },
  ["revision", "since", "systems", "channels", "wires", "endpoints"],
);
