-- +goose Up

-- Since when, and why, an export makes no progress: something that all its jobs
-- need is away. Its next progress clears both. The reason is fit for the client.
ALTER TABLE sluice.export
    ADD COLUMN waiting_since  timestamptz,
    ADD COLUMN waiting_reason text;
