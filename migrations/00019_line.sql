-- +goose Up

-- The longest line of the file in bytes, without its line feed.
ALTER TABLE sluice.file ADD COLUMN max_line_bytes bigint;
