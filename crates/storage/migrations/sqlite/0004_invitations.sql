-- Invitations and outgoing mail on SQLite. migrations/postgres/0004_invitations.sql is the same for PostgreSQL.

CREATE TABLE invitations (
    id      TEXT NOT NULL PRIMARY KEY,
    account TEXT NOT NULL,
    email   TEXT NOT NULL,
    state   TEXT NOT NULL,
    body    TEXT NOT NULL,
    version INTEGER NOT NULL
) STRICT, WITHOUT ROWID;
-- One pending invitation per account and address.
CREATE UNIQUE INDEX invitations_pending ON invitations (account, email) WHERE state = 'pending';
CREATE INDEX invitations_in ON invitations (account, id);
-- By which a person who is erased is forgotten here, too.
CREATE INDEX invitations_to ON invitations (email);

-- What pending invitations offer: an index over their roles, from which holders-to-be are counted and listed.
-- `counts` is 0 for one that replaces a holder.
CREATE TABLE invitation_roles (
    account    TEXT NOT NULL,
    name       TEXT NOT NULL,
    invitation TEXT NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
    counts     INTEGER NOT NULL,
    PRIMARY KEY (account, name, invitation)
) STRICT, WITHOUT ROWID;
CREATE INDEX invitation_roles_of ON invitation_roles (invitation);

-- Mail to be sent, written by the transaction of the change that causes it. It holds no secret.
CREATE TABLE outbox (
    seq        INTEGER NOT NULL PRIMARY KEY AUTOINCREMENT,
    at         INTEGER NOT NULL,
    account    TEXT NOT NULL,
    kind       TEXT NOT NULL,
    recipient  TEXT NOT NULL,
    body       TEXT NOT NULL,
    -- queued, sent or failed.
    state      TEXT NOT NULL,
    attempts   INTEGER NOT NULL,
    -- When it is due: while a dispatcher has claimed it, when the claim ends.
    next_at    INTEGER NOT NULL,
    -- 1 while a dispatcher has claimed it.
    claimed    INTEGER NOT NULL,
    last_error TEXT,
    -- When it was sent, or given up.
    done_at    INTEGER
) STRICT;
CREATE INDEX outbox_due ON outbox (next_at, seq) WHERE state = 'queued';
CREATE INDEX outbox_by_state ON outbox (state, seq);
CREATE INDEX outbox_to ON outbox (recipient);
