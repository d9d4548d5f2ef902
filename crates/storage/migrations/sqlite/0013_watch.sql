-- What a change took from somebody, as JSON (`Taken`); NULL: nothing, or a version wrote it that did not tell.
ALTER TABLE feed ADD COLUMN taken TEXT;
