-- +goose Up

-- Stored ViewDefinitions -------------------------------------------------------------

CREATE TABLE sluice.view_definition (
    id            text        PRIMARY KEY,
    url           text,
    version       text,
    name          text,
    resource_type text        NOT NULL,
    definition    json        NOT NULL,
    created_at    timestamptz NOT NULL DEFAULT now(),
    updated_at    timestamptz NOT NULL DEFAULT now()
);

COMMENT ON TABLE sluice.view_definition IS 'Stored ViewDefinitions (SQL on FHIR), which exports of tables and $sql-run can refer to';
COMMENT ON COLUMN sluice.view_definition.url IS 'Canonical URL, for searches and for references by url|version';
COMMENT ON COLUMN sluice.view_definition.name IS 'Name of the view, for searches; it need not be unique';
COMMENT ON COLUMN sluice.view_definition.resource_type IS 'Type of the resources that the view reads';
COMMENT ON COLUMN sluice.view_definition.definition IS 'The ViewDefinition as json, not jsonb, which keeps the text of its numbers';

CREATE INDEX view_definition_url ON sluice.view_definition (url, version);
CREATE INDEX view_definition_name ON sluice.view_definition (name);

-- Exports of tables ------------------------------------------------------------------

-- A transaction cannot use a value that it has added, and this one does not.
ALTER TYPE sluice.part_kind ADD VALUE 'views';

ALTER TABLE sluice.file ADD COLUMN output text;

COMMENT ON TABLE sluice.part IS 'A unit of an export that one job reads: page ranges of one table, as resources or for views, what was deleted from it, or the blocks of some patients';
COMMENT ON COLUMN sluice.file.output IS 'Name of the output whose rows the file has, in an export of tables; otherwise NULL';
COMMENT ON COLUMN sluice.file.resource_type IS 'The type of its lines, or of the resources that a view read; empty if they have several types';
COMMENT ON COLUMN sluice.file.resources IS 'Number of resources, rows of a view, Bundles of deletions, or OperationOutcomes';
COMMENT ON COLUMN sluice.file.max_line_bytes IS 'Length of the longest line without its line feed; 0 of rows of a view';
