package jobs

import (
	"context"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// Warning is something that an export lacks: of what the kick-off asked for, or of
// what the source has.
type Warning struct {
	Code      string `json:"code"` // of FHIR's value set issue-type
	Parameter string `json:"parameter"`
	Text      string `json:"text"`
}

// warningsName is the file of the outcomes that concern the export as a whole.
const warningsName = "request.errors.ndjson.gz"

// WarningsKey returns the key of the outcomes of Request.Warnings and
// Export.Warnings. No part writes them.
func WarningsKey(id uuid.UUID) string { return id.String() + "/error/" + warningsName }

const warningsSQL = `
SELECT 'outcome', 'OperationOutcome', $2::text, w.count, 0::bigint, 0::bigint, 0::bigint, NULL::bytea, false, ''
FROM sluice.export AS e
CROSS JOIN LATERAL (SELECT coalesce(jsonb_array_length(e.request->'warnings'), 0) + coalesce(jsonb_array_length(e.warnings), 0)) AS w (count)
WHERE e.id = $1 AND w.count > 0`

// warningsFile lists the file of these outcomes, if there are some.
func (s *Store) warningsFile(ctx context.Context, id uuid.UUID) ([]File, error) {
	rows, err := s.pool.Query(ctx, warningsSQL, id, WarningsKey(id))
	if err != nil {
		return nil, err
	}
	return pgx.CollectRows(rows, pgx.RowToStructByPos[File])
}
