-- The state of Mandate on SQLite. migrations/postgres/0001_state.sql is the same for PostgreSQL.
--
-- `body` is the fact as JSON, exactly as the change feed carries it; the columns beside it are what queries need.
-- `version` is the feed's `seq` of the fact's last change. Times are microseconds since the Unix epoch.
-- Ids and keys are compared byte for byte (SQLite's BINARY collation).

CREATE TABLE meta (
    name  TEXT NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
) STRICT, WITHOUT ROWID;

-- `incarnation` tells this database from a copy of it; `least_reader` is the oldest format a binary must know.
INSERT INTO meta (name, value) VALUES ('incarnation', lower(hex(randomblob(16)))), ('least_reader', '1');

CREATE TABLE users (
    id           TEXT    NOT NULL PRIMARY KEY,
    email        TEXT    NOT NULL UNIQUE,
    display_name TEXT    NOT NULL,
    state        TEXT    NOT NULL,
    body         TEXT    NOT NULL,
    version      INTEGER NOT NULL
) STRICT, WITHOUT ROWID;

CREATE TABLE user_identities (
    issuer  TEXT NOT NULL,
    subject TEXT NOT NULL,
    user_id TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (issuer, subject)
) STRICT, WITHOUT ROWID;
CREATE INDEX user_identities_of ON user_identities (user_id);

CREATE TABLE groups (
    id      TEXT    NOT NULL PRIMARY KEY,
    policy  TEXT    NOT NULL,
    body    TEXT    NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX groups_by_policy ON groups (policy, id);

-- Who belongs to a group: an index over the users' seats.
CREATE TABLE group_users (
    group_id TEXT NOT NULL,
    user_id  TEXT NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role     TEXT NOT NULL,
    PRIMARY KEY (group_id, user_id, role)
) STRICT, WITHOUT ROWID;
CREATE INDEX group_users_of ON group_users (user_id, group_id);

CREATE TABLE accounts (
    id      TEXT    NOT NULL PRIMARY KEY,
    policy  TEXT    NOT NULL,
    state   TEXT    NOT NULL,
    body    TEXT    NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
CREATE INDEX accounts_by_policy ON accounts (policy, id);

-- What a group contains: an index over the accounts' groups.
CREATE TABLE account_groups (
    group_id TEXT NOT NULL,
    account  TEXT NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, account)
) STRICT, WITHOUT ROWID;
CREATE INDEX account_groups_of ON account_groups (account);

CREATE TABLE memberships (
    account TEXT    NOT NULL,
    user_id TEXT    NOT NULL,
    state   TEXT    NOT NULL,
    body    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (account, user_id)
) STRICT, WITHOUT ROWID;
CREATE INDEX memberships_of ON memberships (user_id, account);
CREATE INDEX memberships_by_state ON memberships (account, state, user_id);

-- What members hold: an index over the memberships' names, from which holders are counted and listed.
-- `kind` is role, grant or restriction; `state` is the membership's.
CREATE TABLE member_names (
    account TEXT NOT NULL,
    user_id TEXT NOT NULL,
    kind    TEXT NOT NULL,
    name    TEXT NOT NULL,
    state   TEXT NOT NULL,
    PRIMARY KEY (account, user_id, kind, name),
    FOREIGN KEY (account, user_id) REFERENCES memberships (account, user_id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX member_names_held ON member_names (account, kind, name, user_id, state);

CREATE TABLE resources (
    account TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    body    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (account, kind, id)
) STRICT, WITHOUT ROWID;

-- What a resource lives in: an index over the resources' ancestors; `depth` 1 is the nearest.
CREATE TABLE resource_ancestors (
    account       TEXT    NOT NULL,
    kind          TEXT    NOT NULL,
    id            TEXT    NOT NULL,
    depth         INTEGER NOT NULL,
    ancestor_kind TEXT    NOT NULL,
    ancestor_id   TEXT    NOT NULL,
    PRIMARY KEY (account, kind, id, depth),
    FOREIGN KEY (account, kind, id) REFERENCES resources (account, kind, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX resource_ancestors_below ON resource_ancestors (account, ancestor_kind, ancestor_id, depth);

CREATE TABLE assignments (
    account TEXT    NOT NULL,
    user_id TEXT    NOT NULL,
    kind    TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    body    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (account, user_id, kind, id)
) STRICT, WITHOUT ROWID;
CREATE INDEX assignments_on ON assignments (account, kind, id, user_id);

-- What assignments carry; `what` is role or permission.
CREATE TABLE assignment_names (
    account TEXT NOT NULL,
    user_id TEXT NOT NULL,
    kind    TEXT NOT NULL,
    id      TEXT NOT NULL,
    what    TEXT NOT NULL,
    name    TEXT NOT NULL,
    PRIMARY KEY (account, user_id, kind, id, what, name),
    FOREIGN KEY (account, user_id, kind, id) REFERENCES assignments (account, user_id, kind, id) ON DELETE CASCADE
) STRICT, WITHOUT ROWID;
CREATE INDEX assignment_names_held ON assignment_names (account, kind, id, what, name, user_id);

-- Every change, in the order of `seq`, which is never used twice.
CREATE TABLE feed (
    seq     INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at      INTEGER NOT NULL,
    account TEXT,
    kind    TEXT    NOT NULL,
    body    TEXT    NOT NULL
) STRICT;

-- One row for each command that changed something.
CREATE TABLE activity (
    seq        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    account    TEXT,
    -- person, service or operator; `actor` is the user's id, or `issuer#subject`.
    actor_kind TEXT    NOT NULL,
    actor      TEXT    NOT NULL,
    through    TEXT,
    operation  TEXT    NOT NULL,
    subject    TEXT,
    changes    TEXT    NOT NULL
) STRICT;
CREATE INDEX activity_in ON activity (account, seq);
CREATE INDEX activity_of ON activity (account, subject, seq);

CREATE TABLE policies (
    name    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    digest  TEXT    NOT NULL,
    source  TEXT    NOT NULL,
    at      INTEGER NOT NULL,
    PRIMARY KEY (name, version)
) STRICT;
