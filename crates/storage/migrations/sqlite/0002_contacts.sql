-- Contacts, and the resources that they hold. migrations/postgres/0002_contacts.sql is the same for PostgreSQL.

CREATE TABLE contacts (
    account TEXT    NOT NULL,
    id      TEXT    NOT NULL,
    email   TEXT    NOT NULL,
    body    TEXT    NOT NULL,
    version INTEGER NOT NULL,
    PRIMARY KEY (account, id),
    UNIQUE (account, email)
) STRICT, WITHOUT ROWID;

ALTER TABLE resources ADD COLUMN holder TEXT;
CREATE INDEX resources_held ON resources (account, holder) WHERE holder IS NOT NULL;
