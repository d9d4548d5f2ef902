-- By which what has been kept long enough is found. migrations/sqlite/0012_retention.sql is the same for SQLite.
CREATE INDEX outbox_done ON outbox (done_at) WHERE done_at IS NOT NULL;
CREATE INDEX sessions_ended ON sessions (CAST(body::json ->> 'ends_at' AS BIGINT));
