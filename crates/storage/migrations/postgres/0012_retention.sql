-- By which what has been kept long enough is found. migrations/sqlite/0012_retention.sql is the same for SQLite.
CREATE INDEX outbox_done ON outbox (done_at) WHERE done_at IS NOT NULL;
CREATE INDEX sessions_ended ON sessions (CAST(body::json ->> 'ends_at' AS BIGINT));

-- Whom an answered request is about, ids of users and addresses in lower case: by which it is forgotten with them. Requests
-- that were answered before this table was there go with their day.
CREATE TABLE request_people (
    caller TEXT COLLATE "C" NOT NULL,
    rpc    TEXT COLLATE "C" NOT NULL,
    id     TEXT COLLATE "C" NOT NULL,
    person TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (caller, rpc, id, person),
    FOREIGN KEY (caller, rpc, id) REFERENCES requests (caller, rpc, id) ON DELETE CASCADE
);
CREATE INDEX request_people_who ON request_people (person);
