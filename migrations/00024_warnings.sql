-- +goose Up

-- The file of an export's warnings belongs to no part. Its row goes when its object has
-- been removed. A foreign key to the export would make each part that ends lock the row
-- that all parts update.
ALTER TABLE sluice.file DROP CONSTRAINT file_pkey;
ALTER TABLE sluice.file DROP CONSTRAINT file_export_id_object_key_key;
ALTER TABLE sluice.file ADD PRIMARY KEY (export_id, object_key);
ALTER TABLE sluice.file ALTER COLUMN part_number DROP NOT NULL;
ALTER TABLE sluice.file ADD UNIQUE (export_id, part_number, place);
