-- Answered requests, and overridden limits in the log, on SQLite. migrations/postgres/0008_requests.sql is the same for PostgreSQL.

-- What a write with a request_id did, written by its own transaction, so that a retry is answered as the first one was.
-- `fingerprint` tells whether a request is a retry; `body` holds the plan as it was carried out. Kept for a day.
CREATE TABLE requests (
    caller      TEXT  NOT NULL,
    rpc         TEXT  NOT NULL,
    id          TEXT  NOT NULL,
    fingerprint TEXT NOT NULL,
    at          INTEGER NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (caller, rpc, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX requests_at ON requests (at);

-- Why a platform operator passed over a limit.
ALTER TABLE activity ADD COLUMN override_reason TEXT;
