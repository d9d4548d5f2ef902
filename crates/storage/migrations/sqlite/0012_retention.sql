-- By which what has been kept long enough is found. migrations/postgres/0012_retention.sql is the same for PostgreSQL.
CREATE INDEX outbox_done ON outbox (done_at) WHERE done_at IS NOT NULL;
CREATE INDEX sessions_ended ON sessions (CAST(body ->> 'ends_at' AS INTEGER));

-- Whom an answered request is about, ids of users and addresses in lower case: by which it is forgotten with them. Requests
-- that were answered before this table was there go with their day.
CREATE TABLE request_people (
    caller TEXT NOT NULL,
    rpc    TEXT NOT NULL,
    id     TEXT NOT NULL,
    person TEXT NOT NULL,
    PRIMARY KEY (caller, rpc, id, person),
    FOREIGN KEY (caller, rpc, id) REFERENCES requests (caller, rpc, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX request_people_who ON request_people (person);
