-- +goose Up

-- The page of the manifest that shows the file, of an export whose client wants
-- to see files while others are written. A file that was shown stays there.
ALTER TABLE sluice.file ADD COLUMN page integer;
