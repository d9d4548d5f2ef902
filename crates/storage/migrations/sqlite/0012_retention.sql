-- By which what has been kept long enough is found. migrations/postgres/0012_retention.sql is the same for PostgreSQL.
CREATE INDEX outbox_done ON outbox (done_at) WHERE done_at IS NOT NULL;
CREATE INDEX sessions_ended ON sessions (CAST(body ->> 'ends_at' AS INTEGER));
