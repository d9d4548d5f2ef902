-- Until when a pending invitation counts towards the most holders of its roles: microseconds since the Unix epoch; 0 for
-- one that replaces a holder. migrations/sqlite/0009_invitation_places.sql is the same for SQLite.

ALTER TABLE invitation_roles ADD COLUMN counts_until BIGINT NOT NULL DEFAULT 0;
UPDATE invitation_roles SET counts_until = (
    SELECT CAST(i.body::json ->> 'expires_at' AS BIGINT) + 60000000 FROM invitations i WHERE i.id = invitation_roles.invitation
) WHERE counts = 1;
ALTER TABLE invitation_roles DROP COLUMN counts;
