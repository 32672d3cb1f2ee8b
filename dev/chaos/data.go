package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/dev/aidbox"
	"github.com/seed-90096f4d/sluice/dev/process"
)

// kinds are the resource types of the data and their numbers of ids. Some of the ids have
// no resource: the writers create and delete them.
var kinds = []struct {
	name string
	ids  int
}{
	{"Patient", 3000}, {"Encounter", 6000}, {"Observation", 9000},
}

// fillSQL creates the tables of a type, with resources of about 400 bytes. %[1]s is the
// type, %[2]s its columns, %[3]d the number of ids.
const fillSQL = `
CREATE TABLE %[1]s (%[2]s, PRIMARY KEY (id));
CREATE TABLE %[1]s_history (%[2]s, PRIMARY KEY (id, txid));
INSERT INTO %[1]s (id, txid, resource)
SELECT lower('%[1]s-') || n, nextval('transaction_id_seq'),
  jsonb_build_object('language', 'en', 'implicitRules', 'urn:x:' || repeat(md5(n::text), 10))
FROM generate_series(1, %[3]d) n WHERE n %% 4 <> 0;
`

// createData creates the FHIR tables, and a role for each worker, by which the server
// shows whose a session is. Commits are synchronous: otherwise the temporary server, unlike
// a real one, would lose the last ones when it is stopped at once.
func createData(ctx context.Context, db *pgxpool.Pool) error {
	var sql strings.Builder
	sql.WriteString("ALTER DATABASE sluice SET synchronous_commit = on;" + aidbox.SetupSQL)
	for _, kind := range kinds {
		fmt.Fprintf(&sql, fillSQL, kind.name, aidbox.Columns(kind.name), kind.ids)
	}
	for i := range workerCount {
		fmt.Fprintf(&sql, "CREATE ROLE %[1]s LOGIN PASSWORD '%[1]s' IN ROLE pg_read_all_data, pg_read_all_stats;\n", workerName(i))
	}
	if _, err := db.Exec(ctx, sql.String()); err != nil {
		return fmt.Errorf("create the data: %w", err)
	}
	return nil
}

const (
	writers = 3
	// writeInterval leaves processor time to the product.
	writeInterval = 20 * time.Millisecond
	// One of lateRatio transactions commits up to maxDelay late.
	lateRatio = 10
	maxDelay  = 3 * time.Second
)

// createSQL creates the resource with the id $1 unless it exists.
const createSQL = `
INSERT INTO %[1]s (id, txid, resource)
VALUES ($1, nextval('transaction_id_seq'), jsonb_build_object('language', 'de', 'implicitRules', 'urn:y:' || repeat(md5($1), 10)))
ON CONFLICT DO NOTHING`

// write inserts, updates and deletes until ctx ends. A transaction that fails because the
// server is down is not retried.
func write(ctx context.Context, db *pgxpool.Pool) {
	var all []func(context.Context)
	for i := range writers {
		all = append(all, func(ctx context.Context) {
			for process.Sleep(ctx, writeInterval) == nil {
				_ = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error { return writeSome(ctx, tx, i) })
			}
		})
	}
	stop := background(ctx, all...)
	<-ctx.Done()
	stop()
}

// writeSome changes some resources that no other writer touches, so that a late writer
// blocks no other.
func writeSome(ctx context.Context, tx pgx.Tx, writer int) (err error) {
	for range 1 + rand.N(5) {
		kind := kinds[rand.N(len(kinds))]
		id := fmt.Sprintf("%s-%d", strings.ToLower(kind.name), 1+writer+writers*rand.N(kind.ids/writers))
		switch n := rand.N(7); {
		case n < 3:
			_, err = tx.Exec(ctx, fmt.Sprintf(createSQL, kind.name), id)
		case n < 6:
			_, err = tx.Exec(ctx, fmt.Sprintf(aidbox.UpdateSQL, kind.name), id, nil, `{"language": "fr"}`)
		default:
			_, err = tx.Exec(ctx, fmt.Sprintf(aidbox.DeleteSQL, kind.name), id, nil)
		}
		if err != nil {
			return err
		}
	}
	if rand.N(lateRatio) == 0 {
		return process.Sleep(ctx, rand.N(maxDelay))
	}
	return nil
}
