-- Who applied a version of a policy; NULL: a server brought it as a file.
ALTER TABLE policies ADD COLUMN applied_by TEXT;
