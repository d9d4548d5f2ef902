-- Until when a pending invitation counts towards the most holders of its roles: microseconds since the Unix epoch; 0 for
-- one that replaces a holder. migrations/postgres/0009_invitation_places.sql is the same for PostgreSQL.

ALTER TABLE invitation_roles ADD COLUMN counts_until INTEGER NOT NULL DEFAULT 0;
UPDATE invitation_roles SET counts_until = (
    SELECT CAST(i.body ->> 'expires_at' AS INTEGER) + 60000000 FROM invitations i WHERE i.id = invitation_roles.invitation
) WHERE counts = 1;
ALTER TABLE invitation_roles DROP COLUMN counts;
