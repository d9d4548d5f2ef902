-- Answered requests, and overridden limits in the log, on PostgreSQL. migrations/sqlite/0008_requests.sql is the same for SQLite.

-- What a write with a request_id did, written by its own transaction, so that a retry is answered as the first one was.
-- `fingerprint` tells whether a request is a retry; `body` holds the plan as it was carried out. Kept for a day.
CREATE TABLE requests (
    caller      TEXT COLLATE "C" NOT NULL,
    rpc         TEXT COLLATE "C" NOT NULL,
    id          TEXT COLLATE "C" NOT NULL,
    fingerprint TEXT NOT NULL,
    at          BIGINT NOT NULL,
    body        TEXT NOT NULL,
    PRIMARY KEY (caller, rpc, id)
);
CREATE INDEX requests_at ON requests (at);

-- Why a platform operator passed over a limit.
ALTER TABLE activity ADD COLUMN override_reason TEXT;
