-- +goose Up

-- The ids of the patients whose resources are exported, as the snapshot shows
-- them: of the members of a group, where they are few. The parts are told them.
ALTER TABLE sluice.export ADD COLUMN members text[];
