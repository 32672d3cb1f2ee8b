-- +goose Up

-- What the export leaves out, as its plan found: a list of warnings for the client.
ALTER TABLE sluice.export ADD COLUMN warnings jsonb;

-- The tables that settings map resource types to, as in
-- Observation=observation_main,observation_main_history; empty if there are none.
ALTER TABLE sluice.location ADD COLUMN tables text NOT NULL DEFAULT '';
