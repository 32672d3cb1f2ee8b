package chaos

import (
	"context"
	"fmt"
	"maps"
	"strings"
	"sync"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/dev/process"
)

// version is one version of one resource.
type version struct {
	kind, id string
	txid     int64
}

// oracle reads all versions of each snapshot of an export while the export holds it.
type oracle struct {
	harness *harness
	id      string // the export's

	mu        sync.Mutex
	seen      map[string]bool          // names of snapshots
	snapshots map[int]map[version]bool // by generation
	conflicts []string                 // generations with two different snapshots
}

const oracleInterval = 10 * time.Millisecond

const snapshotSQL = `SELECT generation, snapshot FROM sluice.export WHERE id = $1 AND snapshot IS NOT NULL`

// watch reads each snapshot of the export until ctx ends.
func (o *oracle) watch(ctx context.Context) {
	for process.Sleep(ctx, oracleInterval) == nil {
		var generation int
		var snapshot string
		if err := o.harness.db.QueryRow(ctx, snapshotSQL, o.id).Scan(&generation, &snapshot); err != nil {
			continue // there is none yet, or the server is down
		}
		if o.seen[snapshot] {
			continue
		}
		state, err := o.read(ctx, snapshot)
		if err != nil {
			continue // it was released, or the next iteration retries
		}
		o.keep(generation, snapshot, state)
	}
}

func (o *oracle) keep(generation int, snapshot string, state map[version]bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen[snapshot] = true
	known, again := o.snapshots[generation]
	if again && !maps.Equal(known, state) {
		o.conflicts = append(o.conflicts, fmt.Sprintf("generation %d has two different snapshots", generation))
	}
	o.snapshots[generation] = state
}

// versions returns the versions of a generation's snapshot.
func (o *oracle) versions(generation int) (map[version]bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	state, known := o.snapshots[generation]
	switch {
	case !known:
		return nil, fmt.Errorf("the snapshot of generation %d was released before it could be read", generation)
	case len(o.conflicts) > 0:
		return nil, fmt.Errorf("%s", strings.Join(o.conflicts, ", "))
	}
	return state, nil
}

// serverSQL identifies a server as the product does in the name of a snapshot, which is
// PostgreSQL's name, a dot, a key, an @ and the server.
const serverSQL = `SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text`

// read returns all versions of the snapshot, from the server that holds it.
func (o *oracle) read(ctx context.Context, snapshot string) (map[version]bool, error) {
	name, _, _ := strings.Cut(snapshot, ".")
	_, wanted, _ := strings.Cut(snapshot, "@")
	for _, data := range o.harness.sources {
		if server, err := serverID(ctx, data); err == nil && server == wanted { // one may be down
			return readAt(ctx, data, name)
		}
	}
	return nil, fmt.Errorf("no server holds the snapshot %s", snapshot)
}

func serverID(ctx context.Context, data *pgxpool.Pool) (server string, err error) {
	err = data.QueryRow(ctx, serverSQL).Scan(&server)
	return server, err
}

func readAt(ctx context.Context, data *pgxpool.Pool, name string) (map[version]bool, error) {
	state := map[version]bool{}
	options := pgx.TxOptions{IsoLevel: pgx.RepeatableRead, AccessMode: pgx.ReadOnly}
	err := pgx.BeginTxFunc(ctx, data, options, func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, "SET TRANSACTION SNAPSHOT '"+name+"'"); err != nil {
			return err
		}
		for _, kind := range kinds {
			if err := list(ctx, tx, kind.name, state); err != nil {
				return err
			}
		}
		return nil
	})
	return state, err
}

// list adds all versions of one type.
func list(ctx context.Context, tx pgx.Tx, kind string, state map[version]bool) error {
	rows, err := tx.Query(ctx, "SELECT id, txid FROM "+pgx.Identifier{strings.ToLower(kind)}.Sanitize())
	if err != nil {
		return err
	}
	versions, err := pgx.CollectRows(rows, func(row pgx.CollectableRow) (version, error) {
		v := version{kind: kind}
		err := row.Scan(&v.id, &v.txid)
		return v, err
	})
	for _, v := range versions {
		state[v] = true
	}
	return err
}
