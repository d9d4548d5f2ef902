-- Searching people, and when members were last active, on PostgreSQL.
-- migrations/sqlite/0007_search_and_activity.sql is the same for SQLite.

-- What a person is found by: name and e-mail address (of an invitation the address), folded by the program. NULL in rows
-- that an older version wrote; the program completes them when it opens the database.
ALTER TABLE users ADD COLUMN search TEXT COLLATE "C";
ALTER TABLE contacts ADD COLUMN search TEXT COLLATE "C";
ALTER TABLE invitations ADD COLUMN search TEXT COLLATE "C";
INSERT INTO meta (name, value) VALUES ('search', 'incomplete');

-- The same text beside each membership, so that searching an account reads what belongs to the account alone.
CREATE TABLE member_search (
    account TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    text    TEXT COLLATE "C" NOT NULL,
    PRIMARY KEY (account, user_id),
    FOREIGN KEY (account, user_id) REFERENCES memberships (account, user_id) ON DELETE CASCADE
);
CREATE INDEX member_search_of ON member_search (user_id, account);

-- When members were last active. No fact: neither feed nor log has it, and it is written many at a time.
CREATE TABLE member_activity (
    account TEXT COLLATE "C" NOT NULL,
    user_id TEXT COLLATE "C" NOT NULL,
    at      BIGINT NOT NULL,
    PRIMARY KEY (account, user_id),
    FOREIGN KEY (account, user_id) REFERENCES memberships (account, user_id) ON DELETE CASCADE
);
