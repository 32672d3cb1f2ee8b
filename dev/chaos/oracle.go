package chaos

import (
	"context"
	"fmt"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
)

// version is one version of one resource.
type version struct {
	kind, id string
	txid     int64
}

// oracle reads by itself what each snapshot of an export shows, as long as the
// export holds it. It shares no code with the product: PostgreSQL says what is
// there.
type oracle struct {
	field *field
	id    string // the export's

	mu     sync.Mutex
	seen   map[string]bool // snapshots by their names
	states map[int]map[version]bool
	doubts []string // generations that showed two states
}

const snapshotSQL = `SELECT generation, snapshot FROM sluice.export WHERE id = $1 AND snapshot IS NOT NULL`

// watch reads each snapshot of the export until ctx ends.
func (o *oracle) watch(ctx context.Context) {
	for pause(ctx, pollPause) == nil {
		var generation int
		var snapshot string
		if err := o.field.db.QueryRow(ctx, snapshotSQL, o.id).Scan(&generation, &snapshot); err != nil {
			continue // none yet, or the server is away
		}
		if o.seen[snapshot] {
			continue
		}
		state, err := o.read(ctx, snapshot)
		if err != nil {
			continue // gone already: if it stays, it is tried again
		}
		o.keep(generation, snapshot, state)
	}
}

func (o *oracle) keep(generation int, snapshot string, state map[version]bool) {
	o.mu.Lock()
	defer o.mu.Unlock()
	o.seen[snapshot] = true
	known, again := o.states[generation]
	if again && !same(known, state) {
		o.doubts = append(o.doubts, fmt.Sprintf("generation %d showed two database states", generation))
	}
	o.states[generation] = state
}

// of returns what the generation showed.
func (o *oracle) of(generation int) (map[version]bool, error) {
	o.mu.Lock()
	defer o.mu.Unlock()
	state, known := o.states[generation]
	switch {
	case !known:
		return nil, fmt.Errorf("the snapshot of generation %d was gone before it could be read", generation)
	case len(o.doubts) > 0:
		return nil, fmt.Errorf("%s", strings.Join(o.doubts, ", "))
	}
	return state, nil
}

// serverSQL identifies a server as the product's identification of a snapshot does,
// which is PostgreSQL's name, a dot, a key, an @ and the server.
const serverSQL = `SELECT (extract(epoch FROM pg_postmaster_start_time()) * 1000000)::bigint::text`

// read lists all versions that the snapshot shows, on the server that holds it.
func (o *oracle) read(ctx context.Context, snapshot string) (map[version]bool, error) {
	name, _, _ := strings.Cut(snapshot, ".")
	_, wanted, _ := strings.Cut(snapshot, "@")
	for _, data := range o.field.data {
		if server, err := serverOf(ctx, data); err == nil && server == wanted { // one may have stopped
			return readAt(ctx, data, name)
		}
	}
	return nil, fmt.Errorf("no server holds the snapshot %s", snapshot)
}

func serverOf(ctx context.Context, data *pgxpool.Pool) (server string, err error) {
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

func same(a, b map[version]bool) bool {
	for v := range a {
		if !b[v] {
			return false
		}
	}
	return len(a) == len(b)
}

// difference is how files differ from what they should hold.
type difference struct{ lost, doubled, foreign int }

// compare counts what is missing in the files, there more than once, and there
// though it should not be.
func compare(files map[version]int, state map[version]bool) (d difference) {
	for v := range state {
		if files[v] == 0 {
			d.lost++
		}
	}
	for v, count := range files {
		d.doubled += count - 1
		if !state[v] {
			d.foreign++
		}
	}
	return d
}
