-- What a user holds, by role: access through a group is revoked without walking what stays (PE-09).
-- migrations/sqlite/0010_roles_by_user.sql is the same.
CREATE INDEX member_names_of ON member_names (user_id, kind, name, account);
