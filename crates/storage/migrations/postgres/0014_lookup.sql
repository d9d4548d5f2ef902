-- By which the resources are found that somebody may do something to: what lives in an assigned one, page by page, and what
-- they created. migrations/sqlite/0014_lookup.sql is the same for SQLite.
CREATE INDEX resource_ancestors_in ON resource_ancestors (account, ancestor_kind, ancestor_id, kind, id);
CREATE INDEX resources_created ON resources (account, (body::json ->> 'created_by'), kind, id);
