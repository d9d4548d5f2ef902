-- Contacts, and the resources that they hold. migrations/sqlite/0002_contacts.sql is the same for SQLite.

CREATE TABLE contacts (
    account TEXT COLLATE "C" NOT NULL,
    id      TEXT COLLATE "C" NOT NULL,
    email   TEXT COLLATE "C" NOT NULL,
    body    TEXT NOT NULL,
    version BIGINT  NOT NULL,
    PRIMARY KEY (account, id),
    UNIQUE (account, email)
);

ALTER TABLE resources ADD COLUMN holder TEXT COLLATE "C";
CREATE INDEX resources_held ON resources (account, holder) WHERE holder IS NOT NULL;
