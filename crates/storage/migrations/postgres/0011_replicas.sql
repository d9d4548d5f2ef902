-- Several servers on one database. PostgreSQL only: an SQLite database has one.

-- `era` marks the history that a row of the feed was written in: `xid` means nothing in another one. It counts up, and
-- its default with it, when the database is first seen in another cluster or on another timeline (`meta.cluster`).
INSERT INTO meta (name, value) VALUES ('era', '1');
ALTER TABLE feed ADD COLUMN era BIGINT NOT NULL DEFAULT 1;

-- By which a server finds what its last snapshot could not see.
CREATE INDEX feed_followed ON feed (era, xid);

-- Older servers keep the database for themselves, and would not see what others write.
UPDATE meta SET value = '2' WHERE name = 'least_reader';

-- From here on `outbox.claimed` is the number of the server that has claimed the mail, which it holds as an advisory lock.
UPDATE outbox SET claimed = 0 WHERE claimed <> 0;
