import { COMMIT_STAGED } from "./commit-staged.js";

/** One step from a version of the schema to the next. `{schema}` stands for its quoted name. */
export interface Migration {
  readonly version: number;
  readonly statements: string;
}

/**
 * Everything that is written for a channel in one transaction is one row of its journal: what was appended, removed and settled, in a total order. A state is the
 * journal up to a row, in short; the rows before it are trimmed. Nothing is ever updated in `message`, `journal` and `state`, so that a snapshot which somebody holds makes nothing slower.
 */
export const MIGRATIONS: readonly Migration[] = [
  {
    version: 1,
    statements: `
CREATE TABLE {schema}.channel (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  id text COLLATE "C" UNIQUE,
  addressed boolean NOT NULL,
  identity text NOT NULL,
  predecessors text NOT NULL DEFAULT '[]',
  cluster text NOT NULL
);
CREATE TABLE {schema}.message (
  channel bigint NOT NULL,
  sequence bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  given boolean NOT NULL,
  written_at bigint NOT NULL,
  sender text COLLATE "C" NOT NULL,
  recipient text COLLATE "C",
  key text COLLATE "C",
  previous bigint,
  priority smallint,
  supersede text COLLATE "C",
  available_at bigint,
  valid_until bigint,
  correlation text COLLATE "C",
  reply_to text COLLATE "C",
  content text NOT NULL,
  metadata text,
  size integer NOT NULL,
  PRIMARY KEY (channel, sequence)
);
CREATE UNIQUE INDEX message_id ON {schema}.message (channel, id) WHERE given;
CREATE INDEX message_recipient ON {schema}.message (channel, recipient, sequence) WHERE recipient IS NOT NULL;
CREATE INDEX message_priority ON {schema}.message (channel, priority, sequence) WHERE priority IS NOT NULL;
CREATE INDEX message_key ON {schema}.message (channel, key, sequence) WHERE key IS NOT NULL;
CREATE INDEX message_supersede ON {schema}.message (channel, supersede, sequence) WHERE supersede IS NOT NULL;
CREATE TABLE {schema}.removed_id (
  channel bigint NOT NULL,
  id text COLLATE "C" NOT NULL,
  sequence bigint NOT NULL,
  until bigint NOT NULL,
  PRIMARY KEY (channel, id)
);
CREATE TABLE {schema}.journal (
  channel bigint NOT NULL,
  number bigint NOT NULL,
  at bigint NOT NULL,
  wall bigint NOT NULL,
  token text COLLATE "C" NOT NULL,
  ends text[],
  last bigint NOT NULL,
  newest bigint NOT NULL,
  events text NOT NULL,
  PRIMARY KEY (channel, number)
);
CREATE TABLE {schema}.state (
  channel bigint NOT NULL,
  number bigint NOT NULL,
  at bigint NOT NULL,
  wall bigint NOT NULL,
  token text COLLATE "C" NOT NULL,
  format integer NOT NULL,
  state text NOT NULL,
  PRIMARY KEY (channel, number)
);
CREATE TABLE {schema}.cursor (
  channel bigint NOT NULL,
  owner text COLLATE "C" NOT NULL,
  name text COLLATE "C" NOT NULL,
  sequence bigint NOT NULL,
  moved_at bigint,
  lost bigint NOT NULL,
  gone bigint NOT NULL,
  PRIMARY KEY (channel, owner, name)
) WITH (fillfactor = 50);
CREATE TABLE {schema}.hold (
  name text COLLATE "C" PRIMARY KEY,
  fence bigint NOT NULL,
  until bigint NOT NULL
);
${COMMIT_STAGED}`,
  },
];
