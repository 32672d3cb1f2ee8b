package jobs

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Warning is something of a kick-off that was carried on without.
type Warning struct {
	Code      string `json:"code"` // of FHIR's value set issue-type
	Parameter string `json:"parameter"`
	Text      string `json:"text"`
}

// warningsName is the file of the outcomes that the kick-off itself has.
const warningsName = "request.errors.ndjson.gz"

// WarningsKey is where the outcomes of Request.Warnings go. No part writes them.
func WarningsKey(id uuid.UUID) string { return id.String() + "/error/" + warningsName }

const warningsSQL = `
SELECT 'outcome', 'OperationOutcome', $2::text, jsonb_array_length(request->'warnings'), 0::bigint, 0::bigint, 0::bigint, NULL::bytea, false, ''
FROM sluice.export WHERE id = $1 AND request ? 'warnings'`

// warningsFile lists the file of the kick-off's outcomes, if there are some.
func (s *Store) warningsFile(ctx context.Context, id uuid.UUID) ([]File, error) {
	rows, err := s.pool.Query(ctx, warningsSQL, id, WarningsKey(id))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[File])
}
