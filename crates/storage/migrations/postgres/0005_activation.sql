-- Contacts who become users. migrations/sqlite/0005_activation.sql is the same for SQLite.

-- The member who the contact is.
ALTER TABLE contacts ADD COLUMN user_id TEXT COLLATE "C";
CREATE UNIQUE INDEX contacts_who ON contacts (account, user_id) WHERE user_id IS NOT NULL;

-- The contact whose login the invitation activates.
ALTER TABLE invitations ADD COLUMN contact TEXT COLLATE "C";
CREATE INDEX invitations_of_contact ON invitations (account, contact) WHERE contact IS NOT NULL;
