-- The state of Mandate on PostgreSQL. migrations/sqlite/0001_state.sql is the same for SQLite.
--
-- `body` is the fact as JSON, exactly as the change feed carries it; the columns beside it are what queries need.
-- `version` is the feed's `seq` of the fact's last change. Times are microseconds since the Unix epoch.
-- Ids and keys are compared byte for byte (COLLATE "C").

CREATE TABLE meta (
    name  TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    value TEXT NOT NULL
);

-- `incarnation` tells this database from a copy of it; `least_reader` is the oldest format a binary must know.
INSERT INTO meta (name, value) VALUES ('incarnation', replace(gen_random_uuid()::text, '-', '')), ('least_reader', '1');

CREATE TABLE users (
    id           TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    email        TEXT COLLATE "C" NOT NULL UNIQUE,
    display_name TEXT NOT NULL,
    state        TEXT COLLATE "C" NOT NULL,
    body         TEXT NOT NULL,
    version      BIGINT  NOT NULL
);

CREATE TABLE user_identities (
    issuer  TEXT COLLATE "C" NOT NULL,
    subject TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    PRIMARY KEY (issuer, subject)
);
CREATE INDEX user_identities_of ON user_identities (user_id);

CREATE TABLE groups (
    id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    policy  TEXT COLLATE "C" NOT NULL,
    body    TEXT NOT NULL,
    version BIGINT  NOT NULL
);
CREATE INDEX groups_by_policy ON groups (policy, id);

-- Who belongs to a group: an index over the users' seats.
CREATE TABLE group_users (
    group_id TEXT COLLATE "C" NOT NULL,
    user_id  TEXT COLLATE "C" NOT NULL REFERENCES users (id) ON DELETE CASCADE,
    role     TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (group_id, user_id, role)
);
CREATE INDEX group_users_of ON group_users (user_id, group_id);

CREATE TABLE accounts (
    id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    policy  TEXT COLLATE "C" NOT NULL,
    state   TEXT COLLATE "C" NOT NULL,
    body    TEXT NOT NULL,
    version BIGINT  NOT NULL
);
CREATE INDEX accounts_by_policy ON accounts (policy, id);

-- What a group contains: an index over the accounts' groups.
CREATE TABLE account_groups (
    group_id TEXT COLLATE "C" NOT NULL,
    account  TEXT COLLATE "C" NOT NULL REFERENCES accounts (id) ON DELETE CASCADE,
    PRIMARY KEY (group_id, account)
);
CREATE INDEX account_groups_of ON account_groups (account);

CREATE TABLE memberships (
    account TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    state   TEXT COLLATE "C" NOT NULL,
    body    TEXT NOT NULL,
    version BIGINT  NOT NULL,
    PRIMARY KEY (account, user_id)
);
CREATE INDEX memberships_of ON memberships (user_id, account);
CREATE INDEX memberships_by_state ON memberships (account, state, user_id);

-- What members hold: an index over the memberships' names, from which holders are counted and listed.
-- `kind` is role, grant or restriction; `state` is the membership's.
CREATE TABLE member_names (
    account TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    kind    TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    state   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, user_id, kind, name),
    FOREIGN KEY (account, user_id) REFERENCES memberships (account, user_id) ON DELETE CASCADE
);
CREATE INDEX member_names_held ON member_names (account, kind, name, user_id, state);

CREATE TABLE resources (
    account TEXT COLLATE "C" NOT NULL,
    kind    TEXT COLLATE "C" NOT NULL,
    id      TEXT COLLATE "C" NOT NULL,
    body    TEXT NOT NULL,
    version BIGINT  NOT NULL,
    PRIMARY KEY (account, kind, id)
);

-- What a resource lives in: an index over the resources' ancestors; `depth` 1 is the nearest.
CREATE TABLE resource_ancestors (
    account       TEXT COLLATE "C" NOT NULL,
    kind          TEXT COLLATE "C" NOT NULL,
    id            TEXT COLLATE "C" NOT NULL,
    depth         BIGINT  NOT NULL,
    ancestor_kind TEXT COLLATE "C" NOT NULL,
    ancestor_id   TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, kind, id, depth),
    FOREIGN KEY (account, kind, id) REFERENCES resources (account, kind, id) ON DELETE CASCADE
);
CREATE INDEX resource_ancestors_below ON resource_ancestors (account, ancestor_kind, ancestor_id, depth);

CREATE TABLE assignments (
    account TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    kind    TEXT COLLATE "C" NOT NULL,
    id      TEXT COLLATE "C" NOT NULL,
    body    TEXT NOT NULL,
    version BIGINT  NOT NULL,
    PRIMARY KEY (account, user_id, kind, id)
);
CREATE INDEX assignments_on ON assignments (account, kind, id, user_id);

-- What assignments carry; `what` is role or permission.
CREATE TABLE assignment_names (
    account TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    kind    TEXT COLLATE "C" NOT NULL,
    id      TEXT COLLATE "C" NOT NULL,
    what    TEXT COLLATE "C" NOT NULL,
    name    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, user_id, kind, id, what, name),
    FOREIGN KEY (account, user_id, kind, id) REFERENCES assignments (account, user_id, kind, id) ON DELETE CASCADE
);
CREATE INDEX assignment_names_held ON assignment_names (account, kind, id, what, name, user_id);

-- Every change, in the order of `seq`, which is never used twice.
CREATE TABLE feed (
    seq     BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    -- The writing transaction: what a follower compares with its snapshot, since seq is given out before commit.
    xid     xid8    NOT NULL DEFAULT pg_current_xact_id(),
    at      BIGINT  NOT NULL,
    account TEXT COLLATE "C",
    kind    TEXT COLLATE "C" NOT NULL,
    body    TEXT NOT NULL
);

-- One row for each command that changed something.
CREATE TABLE activity (
    seq        BIGINT  NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         BIGINT  NOT NULL,
    account    TEXT COLLATE "C",
    -- person, service or operator; `actor` is the user's id, or `issuer#subject`.
    actor_kind TEXT COLLATE "C" NOT NULL,
    actor      TEXT COLLATE "C" NOT NULL,
    through    TEXT COLLATE "C",
    operation  TEXT COLLATE "C" NOT NULL,
    subject    TEXT COLLATE "C",
    changes    TEXT NOT NULL
);
CREATE INDEX activity_in ON activity (account, seq);
CREATE INDEX activity_of ON activity (account, subject, seq);

CREATE TABLE policies (
    name    TEXT COLLATE "C" NOT NULL,
    version BIGINT  NOT NULL,
    digest  TEXT COLLATE "C" NOT NULL,
    source  TEXT NOT NULL,
    at      BIGINT  NOT NULL,
    PRIMARY KEY (name, version)
);
