package sample

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/dev/aidbox"
)

// documentedPatients are the examples in Aidbox's documentation of $dump. The third has an
// attribute of Aidbox that is not in FHIR.
const documentedPatients = `{"resourceType":"Patient","id":"pt-1","meta":{"lastUpdated":"2021-06-10T08:26:10.707454Z"},"name":[{"given":["Alice"]}]}
{"resourceType":"Patient","id":"pt-2","meta":{"lastUpdated":"2021-06-10T08:26:10.707454Z"},"name":[{"given":["Bob"]}]}
{"resourceType":"Patient","id":"pt-3","meta":{"lastUpdated":"2021-06-10T08:26:10.707454Z"},"name":[{"given":["Charles"]}],"citizenship":[{"code":{"text":"ru"}}]}
`

// documentedSQL sets the versions of the documented patients. All other resources have
// higher ones.
const documentedSQL = `
UPDATE patient SET txid = 480 + substr(id, 4)::bigint WHERE id IN ('pt-1', 'pt-2', 'pt-3');
SELECT setval('transaction_id_seq', 483);`

// change updates a patient, deletes an allergy, and deletes and recreates an immunization
// in the last days of 2025: the first resources of their types. No resource references the
// deleted ones.
func change(ctx context.Context, conn *pgx.Conn, resources int) error {
	w := newWorld(resources)
	for _, c := range []struct {
		sql, resourceType, at string
		arguments             []any
	}{
		{aidbox.UpdateSQL, "Patient", "2025-12-29T09:15:00.120034Z", []any{`{"active": false}`}},
		{aidbox.DeleteSQL, "AllergyIntolerance", "2025-12-29T10:40:12.5Z", nil},
		{aidbox.DeleteSQL, "Immunization", "2025-12-30T08:05:41.004Z", nil},
		{aidbox.RecreateSQL, "Immunization", "2025-12-30T08:21:07.930211Z", nil},
	} {
		at, err := time.Parse(time.RFC3339Nano, c.at)
		if err != nil {
			return err
		}
		if _, err := conn.Exec(ctx, fmt.Sprintf(c.sql, aidbox.Table(c.resourceType)), append([]any{w.id(c.resourceType, 0), at}, c.arguments...)...); err != nil {
			return fmt.Errorf("change %s: %w", c.resourceType, err)
		}
	}
	return nil
}
