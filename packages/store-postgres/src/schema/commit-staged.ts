/**
 * What is written and settled in somebody's own transaction waits in `staged` until that commits. Only then is the channel locked, those of several channels in one order: a
 * transaction that takes its time keeps nobody waiting, and two that meet never wait for each other. `{space}` stands for the class of the advisory locks.
 *
 * The function is the only other writer of the journal besides the code of this package, and changes only with the version of the schema.
 */
export const COMMIT_STAGED = `
CREATE TABLE {schema}.staged (
  number bigint GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
  xid xid8 NOT NULL DEFAULT pg_current_xact_id(),
  channel bigint NOT NULL,
  -- A message, with the times that are left until it is written;
  id text COLLATE "C",
  sender text COLLATE "C",
  recipient text COLLATE "C",
  key text COLLATE "C",
  priority smallint,
  delay_ms bigint,
  ttl_ms bigint,
  correlation text COLLATE "C",
  reply_to text COLLATE "C",
  content text,
  metadata text,
  size integer,
  -- or what is done with a claim that was held when the journal was known up to a row.
  work_group text COLLATE "C",
  reader text COLLATE "C",
  settlement text,
  claimed bigint,
  held_until bigint,
  known bigint
);
CREATE INDEX staged_xid ON {schema}.staged (xid);

CREATE FUNCTION {schema}.commit_staged_1() RETURNS trigger LANGUAGE plpgsql AS $body$
DECLARE
  target record;
  draft record;
  known {schema}.message%ROWTYPE;
  place record;
  wall bigint;
  moment bigint;
  last bigint;
  newest bigint;
  added integer;
  bytes bigint;
  earlier bigint;
  events text;
  ends text[];
  delayed text[];
  expiring text[];
  priorities smallint[];
BEGIN
  IF current_setting('transaction_isolation') <> 'read committed' THEN
    RAISE EXCEPTION 'A transaction that writes to SSSN channels has to be READ COMMITTED.' USING ERRCODE = 'SS002';
  END IF;
  FOR target IN SELECT DISTINCT channel FROM {schema}.staged WHERE xid = pg_current_xact_id() ORDER BY channel LOOP
    PERFORM pg_advisory_xact_lock({space}, (target.channel::bit(32))::integer);
    PERFORM FROM {schema}.channel c WHERE c.number = target.channel
      AND c.cluster = (SELECT system_identifier || '/' || left(pg_walfile_name(pg_current_wal_insert_lsn()), 8) FROM pg_control_system());
    IF NOT FOUND THEN
      RAISE EXCEPTION 'The channel was deleted, or the server has changed since it was used last.' USING ERRCODE = 'SS003';
    END IF;
    SELECT j.number, j.at, j.wall, j.last, j.newest INTO place FROM {schema}.journal j WHERE j.channel = target.channel ORDER BY j.number DESC LIMIT 1;
    wall := (extract(epoch FROM clock_timestamp()) * 1000)::bigint;
    moment := CASE WHEN place.at IS NULL THEN wall ELSE place.at + greatest(0, wall - place.wall) END;
    last := coalesce(place.last, 0);
    newest := greatest(coalesce(place.newest, 0), moment);
    added := 0; bytes := 0; events := ''; ends := '{}'; delayed := '{}'; expiring := '{}'; priorities := '{}';

    FOR draft IN SELECT * FROM {schema}.staged s WHERE s.xid = pg_current_xact_id() AND s.channel = target.channel ORDER BY s.number LOOP
      IF draft.settlement IS NOT NULL THEN
        PERFORM FROM {schema}.journal j WHERE j.channel = target.channel AND j.number > draft.known
          AND j.ends && ARRAY[draft.work_group || ' ' || draft.claimed, draft.work_group || ' *'];
        IF FOUND OR moment >= draft.held_until OR (draft.work_group || ' ' || draft.claimed) = ANY (ends) THEN
          RAISE EXCEPTION 'The lease on message % of this channel ended before the transaction was committed: somebody else may have the message.', draft.claimed
            USING ERRCODE = 'SS001';
        END IF;
        ends := ends || (draft.work_group || ' ' || draft.claimed);
        events := events || ',["work",' || to_json(draft.work_group) || ',[["settle",' || to_json(draft.reader) || ',' || draft.settlement || ',' || moment || ','
          || to_json(left(md5(random()::text || draft.number), 20)) || ']]]';
        CONTINUE;
      END IF;
      SELECT * INTO known FROM {schema}.message m WHERE m.channel = target.channel AND m.given AND m.id = draft.id;
      IF FOUND THEN
        IF known.sender <> draft.sender OR known.content <> draft.content OR known.metadata IS DISTINCT FROM draft.metadata
          OR known.recipient IS DISTINCT FROM draft.recipient OR known.key IS DISTINCT FROM draft.key
          OR known.correlation IS DISTINCT FROM draft.correlation OR known.reply_to IS DISTINCT FROM draft.reply_to THEN
          RAISE EXCEPTION 'The channel already holds a message with the id % and other content.', draft.id USING ERRCODE = 'SS004';
        END IF;
        CONTINUE;
      END IF;
      PERFORM FROM {schema}.removed_id r WHERE r.channel = target.channel AND r.id = draft.id AND r.until > moment;
      CONTINUE WHEN FOUND;
      last := last + 1; added := added + 1; bytes := bytes + draft.size;
      earlier := NULL;
      IF draft.key IS NOT NULL THEN
        SELECT max(m.sequence) INTO earlier FROM {schema}.message m WHERE m.channel = target.channel AND m.key = draft.key;
      END IF;
      INSERT INTO {schema}.message (channel, sequence, id, given, written_at, sender, recipient, key, previous, priority, available_at, valid_until, correlation, reply_to, content, metadata, size)
      VALUES (target.channel, last, draft.id, true, newest, draft.sender, draft.recipient, draft.key, earlier, draft.priority,
        moment + draft.delay_ms, moment + draft.ttl_ms, draft.correlation, draft.reply_to, draft.content, draft.metadata, draft.size);
      IF draft.delay_ms IS NOT NULL THEN delayed := delayed || ('[' || last || ',' || moment + draft.delay_ms || ']'); END IF;
      IF draft.ttl_ms IS NOT NULL THEN
        expiring := expiring || ('[' || last || ',' || moment + draft.ttl_ms || coalesce(',' || to_json(draft.key), '') || ']');
      END IF;
      IF draft.priority IS NOT NULL AND NOT draft.priority = ANY (priorities) THEN priorities := priorities || draft.priority; END IF;
    END LOOP;

    IF added > 0 THEN
      events := events || ',["append",{"count":' || added || ',"bytes":' || bytes || ',"newest":' || newest
        || CASE WHEN delayed = '{}' THEN '' ELSE ',"delayed":[' || array_to_string(delayed, ',') || ']' END
        || CASE WHEN expiring = '{}' THEN '' ELSE ',"expiring":[' || array_to_string(expiring, ',') || ']' END
        || CASE WHEN priorities = '{}' THEN '' ELSE ',"priorities":[' || array_to_string(priorities, ',') || ']' END || '}]';
    END IF;
    DELETE FROM {schema}.staged s WHERE s.xid = pg_current_xact_id() AND s.channel = target.channel;
    CONTINUE WHEN events = '';
    INSERT INTO {schema}.journal (channel, number, at, wall, token, ends, last, newest, events)
    VALUES (target.channel, coalesce(place.number, 0) + 1, moment, wall, left(md5(random()::text || clock_timestamp()), 20),
      nullif(ends, '{}'), last, newest, '[' || substr(events, 2) || ']');
  END LOOP;
  RETURN NULL;
END
$body$;

CREATE CONSTRAINT TRIGGER staged_commit AFTER INSERT ON {schema}.staged
  DEFERRABLE INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION {schema}.commit_staged_1();`;
