-- Passwords and sessions. migrations/postgres/0003_identity.sql is the same for PostgreSQL.
--
-- What must never be read stands in columns of its own, which neither the change feed nor the activity log carries.

-- `hash` is the password's, in the PHC string format (Argon2id).
CREATE TABLE credentials (
    user_id TEXT    NOT NULL PRIMARY KEY REFERENCES users (id) ON DELETE CASCADE,
    hash    TEXT    NOT NULL,
    body    TEXT    NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

-- `refresh` is the SHA-256 of the one refresh token that is good now, in base64url.
CREATE TABLE sessions (
    id      TEXT    NOT NULL PRIMARY KEY,
    user_id TEXT    NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    refresh TEXT    NOT NULL UNIQUE,
    body    TEXT    NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX sessions_of ON sessions (user_id, id);

-- The refresh tokens that a session has had: one of them coming back means that somebody copied it.
CREATE TABLE spent_refresh (
    refresh    TEXT NOT NULL PRIMARY KEY,
    session_id TEXT NOT NULL REFERENCES sessions (id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX spent_refresh_of ON spent_refresh (session_id);

-- What somebody did, for the export of all that is known of them.
CREATE INDEX activity_by ON activity (actor, seq);
