-- +goose Up

-- A part of an export whose files hold resources in blocks, one a patient.
ALTER TYPE sluice.part_kind ADD VALUE 'blocks';

-- The last block of the file goes on in the next file of its part.
ALTER TABLE sluice.file ADD COLUMN continues boolean NOT NULL DEFAULT false;
