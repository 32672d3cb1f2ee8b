package chaos

import (
	"context"
	"fmt"
	"math/rand/v2"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

const (
	writers = 3
	// writePause keeps the writers from taking the machine.
	writePause = 20 * time.Millisecond
	// One transaction in lateEach commits up to latest late.
	lateEach = 10
	latest   = 3 * time.Second
)

// What Aidbox does for a resource that is created, changed and deleted. $1 is
// the id; %[1]s the table.
const (
	createSQL = `
INSERT INTO %[1]s (id, txid, status, resource)
VALUES ($1, nextval('transaction_id_seq'), 'created', jsonb_build_object('language', 'de', 'implicitRules', 'urn:y:' || repeat(md5($1), 10)))
ON CONFLICT DO NOTHING`

	updateSQL = `
WITH kept AS (INSERT INTO %[1]s_history SELECT * FROM %[1]s WHERE id = $1)
UPDATE %[1]s SET txid = nextval('transaction_id_seq'), ts = now(), status = 'updated',
  resource = jsonb_set(resource, '{language}', '"fr"') WHERE id = $1`

	deleteSQL = `
WITH gone AS (DELETE FROM %[1]s WHERE id = $1 RETURNING *),
  kept AS (INSERT INTO %[1]s_history SELECT * FROM gone)
INSERT INTO %[1]s_history (id, txid, ts, cts, status, resource)
SELECT id, nextval('transaction_id_seq'), now(), cts, 'deleted', resource FROM gone`
)

// write inserts, updates and deletes until ctx ends. What fails, because the
// server is away, is tried no more: the next transaction is another.
func write(ctx context.Context, db *pgxpool.Pool) {
	var all sync.WaitGroup
	defer all.Wait()
	for i := range writers {
		all.Go(func() {
			for pause(ctx, writePause) == nil {
				_ = pgx.BeginFunc(ctx, db, func(tx pgx.Tx) error { return writeSome(ctx, tx, i) })
			}
		})
	}
}

// writeSome changes some resources that no other writer touches, so that a late writer
// blocks no other.
func writeSome(ctx context.Context, tx pgx.Tx, writer int) error {
	for range 1 + rand.N(5) {
		kind := kinds[rand.N(len(kinds))]
		table := strings.ToLower(kind.name)
		id := fmt.Sprintf("%s-%d", table, 1+writer+writers*rand.N(kind.ids/writers))
		statement := []string{createSQL, createSQL, createSQL, updateSQL, updateSQL, updateSQL, deleteSQL}[rand.N(7)]
		if _, err := tx.Exec(ctx, fmt.Sprintf(statement, table), id); err != nil {
			return err
		}
	}
	if rand.N(lateEach) == 0 {
		return pause(ctx, rand.N(latest))
	}
	return nil
}
