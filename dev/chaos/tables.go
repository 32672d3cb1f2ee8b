package chaos

import (
	"context"
	"fmt"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"
)

// kinds are the resource types of the data, with how many ids each has. Some of
// the ids have no resource: the writer creates and deletes them.
var kinds = []struct {
	name string
	ids  int
}{
	{"Patient", 3000}, {"Encounter", 6000}, {"Observation", 9000},
}

// kindSQL makes the tables of one type as Aidbox does, and fills the one with
// resources of about 400 bytes. %[1]s is the table, %[2]s the type, %[3]d the
// number of ids.
const kindSQL = `
CREATE TABLE %[1]s (
  id text PRIMARY KEY, txid bigint NOT NULL, ts timestamptz DEFAULT now(), cts timestamptz DEFAULT now(),
  resource_type text DEFAULT '%[2]s', status resource_status NOT NULL, resource jsonb NOT NULL);
CREATE TABLE %[1]s_history (
  id text, txid bigint NOT NULL, ts timestamptz DEFAULT now(), cts timestamptz DEFAULT now(),
  resource_type text DEFAULT '%[2]s', status resource_status NOT NULL, resource jsonb NOT NULL, PRIMARY KEY (id, txid));
INSERT INTO %[1]s (id, txid, status, resource)
SELECT '%[1]s-' || n, nextval('transaction_id_seq'), 'created',
  jsonb_build_object('language', 'en', 'implicitRules', 'urn:x:' || repeat(md5(n::text), 10))
FROM generate_series(1, %[3]d) n WHERE n %% 4 <> 0;
`

// layOut makes the FHIR tables, and a role for each worker, so that the server
// shows whose a session is. Commits are waited for: the throw-away server would
// else forget the last ones when it is stopped at once, which no real one does.
func layOut(ctx context.Context, db *pgxpool.Pool, workers int) error {
	var sql strings.Builder
	sql.WriteString(`
ALTER DATABASE sluice SET synchronous_commit = on;
CREATE TYPE resource_status AS ENUM ('created', 'updated', 'deleted', 'recreated');
CREATE SEQUENCE transaction_id_seq;`)
	for _, kind := range kinds {
		fmt.Fprintf(&sql, kindSQL, strings.ToLower(kind.name), kind.name, kind.ids)
	}
	for i := range workers {
		fmt.Fprintf(&sql, `
CREATE ROLE %[1]s LOGIN PASSWORD '%[1]s' IN ROLE pg_read_all_data, pg_read_all_stats;`, workerName(i))
	}
	if _, err := db.Exec(ctx, sql.String()); err != nil {
		return fmt.Errorf("make the tables: %w", err)
	}
	return nil
}

// workerName is the name of a worker, and of its role in the source.
func workerName(i int) string { return fmt.Sprintf("worker_%d", i+1) }
