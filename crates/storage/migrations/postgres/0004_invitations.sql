-- Invitations and outgoing mail on PostgreSQL. migrations/sqlite/0004_invitations.sql is the same for SQLite.

CREATE TABLE invitations (
    id      TEXT COLLATE "C" NOT NULL PRIMARY KEY,
    account TEXT COLLATE "C" NOT NULL,
    email   TEXT COLLATE "C" NOT NULL,
    state   TEXT COLLATE "C" NOT NULL,
    body    TEXT NOT NULL,
    version BIGINT NOT NULL
);
-- One pending invitation per account and address.
CREATE UNIQUE INDEX invitations_pending ON invitations (account, email) WHERE state = 'pending';
CREATE INDEX invitations_in ON invitations (account, id);
-- By which a person who is erased is forgotten here, too.
CREATE INDEX invitations_to ON invitations (email);

-- What pending invitations offer: an index over their roles, from which holders-to-be are counted and listed.
-- `counts` is 0 for one that replaces a holder.
CREATE TABLE invitation_roles (
    account    TEXT COLLATE "C" NOT NULL,
    name       TEXT COLLATE "C" NOT NULL,
    invitation TEXT COLLATE "C" NOT NULL REFERENCES invitations (id) ON DELETE CASCADE,
    counts     BIGINT NOT NULL,
    PRIMARY KEY (account, name, invitation)
);
CREATE INDEX invitation_roles_of ON invitation_roles (invitation);

-- Mail to be sent, written by the transaction of the change that causes it. It holds no secret.
CREATE TABLE outbox (
    seq        BIGINT NOT NULL GENERATED ALWAYS AS IDENTITY PRIMARY KEY,
    at         BIGINT NOT NULL,
    account    TEXT COLLATE "C" NOT NULL,
    kind       TEXT COLLATE "C" NOT NULL,
    recipient  TEXT COLLATE "C" NOT NULL,
    body       TEXT NOT NULL,
    -- queued, sent or failed.
    state      TEXT COLLATE "C" NOT NULL,
    attempts   BIGINT NOT NULL,
    -- When it is due: while a dispatcher has claimed it, when the claim ends.
    next_at    BIGINT NOT NULL,
    -- 1 while a dispatcher has claimed it.
    claimed    BIGINT NOT NULL,
    last_error TEXT,
    -- When it was sent, or given up.
    done_at    BIGINT
);
CREATE INDEX outbox_due ON outbox (next_at, seq) WHERE state = 'queued';
CREATE INDEX outbox_by_state ON outbox (state, seq);
CREATE INDEX outbox_to ON outbox (recipient);
