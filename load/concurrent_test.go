package load_test

import (
	"context"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/load"
)

// loadAll loads each path in a separate load, concurrently.
func loadAll(t *testing.T, db *database, opts load.Options, paths ...string) {
	t.Helper()
	var loads errgroup.Group
	for _, path := range paths {
		loads.Go(func() error {
			_, err := load.Files(t.Context(), db.url, []string{path}, opts)
			return err
		})
	}
	require.NoError(t, loads.Wait())
}

func TestLoadsAtOnceMakeOneTable(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	var paths []string
	for i := range 8 {
		paths = append(paths, writeLines(t, "a.ndjson", patient("all", "Same"), patient(fmt.Sprint("own-", i), "Own")))
	}
	loadAll(t, db, load.Options{}, paths...)

	require.Equal(t, "9", db.text(t, `SELECT count(*)::text FROM patient`))
	require.Equal(t, "7", db.text(t, `SELECT count(*)::text FROM patient_history WHERE id = 'all'`))
	require.Equal(t, "8", db.text(t, `SELECT count(DISTINCT txid)::text FROM (TABLE patient UNION ALL TABLE patient_history) v`))
}

// TestLoadsAtOnceOfMixedFiles: two loads of files with the same types in opposite order
// both succeed, in spite of deadlocks.
func TestLoadsAtOnceOfMixedFiles(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	for round := range 3 {
		schema := fmt.Sprint("round", round)
		loadAll(t, db, load.Options{Schema: schema, BatchBytes: 1},
			writeLines(t, "a.ndjson", alice, bob, group), writeLines(t, "b.ndjson", group, alice, bob))
		require.Equal(t, "2 1", db.text(t, `SELECT (SELECT count(*) FROM `+schema+`.patient_history) || ' ' ||
			(SELECT count(*) FROM `+schema+`.group_history)`))
	}
}

// stalled is an input that returns its text and then blocks until it is released.
type stalled struct {
	text    io.Reader
	release <-chan struct{}
}

func (s *stalled) Read(p []byte) (int, error) {
	if n, err := s.text.Read(p); err == nil {
		return n, nil
	}
	<-s.release
	return 0, io.EOF
}

func stall(t *testing.T, lines ...string) *stalled {
	t.Helper()
	release := make(chan struct{})
	t.Cleanup(func() { close(release) })
	return &stalled{strings.NewReader(strings.Join(lines, "\n") + "\n"), release}
}

// TestAStoppedLoadLeavesNothing: as with Ctrl-C in the middle of a pipe, rows have been
// written but not committed, and the loader waits for input.
func TestAStoppedLoadLeavesNothing(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	ctx, stop := context.WithCancel(t.Context())
	defer stop()
	paths := []string{writeLines(t, "a.ndjson", patient("kept", "Kept")), "-"}
	opts := load.Options{Stdin: stall(t, group, alice), BatchBytes: 1}
	var summary load.Summary
	stopped := make(chan error, 1)
	go func() {
		var err error
		summary, err = load.Files(ctx, db.url, paths, opts)
		stopped <- err
	}()
	db.eventually(t, `SELECT count(*) = 2 FROM pg_locks l JOIN pg_database d ON d.oid = l.database
		WHERE d.datname = current_database() AND l.locktype = 'advisory'`, "batches are sent before the input ends")
	stop()

	require.ErrorIs(t, <-stopped, context.Canceled)
	require.EqualValues(t, 1, summary.Resources)
	require.Equal(t, []string{"kept"}, db.rows(t, patientIDs))
	require.Equal(t, "true", db.text(t, `SELECT (to_regclass('"group"') IS NULL)::text`))
	db.eventually(t, noLoader, "no connection is left")
}

// TestARefusedRowEndsAnEndlessLoad: an error of the database ends a load without
// waiting for the end of its input.
func TestARefusedRowEndsAnEndlessLoad(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	opts := load.Options{Stdin: stall(t, alice, alice, bob), BatchBytes: 1}
	_, err := load.Files(t.Context(), db.url, []string{"-"}, opts)

	require.ErrorContains(t, err, "-:2: ")
}

// noLoader is true if no load is connected.
const noLoader = `SELECT NOT EXISTS (SELECT FROM pg_stat_activity
	WHERE datname = current_database() AND application_name = 'sluice load')`

// TestAStoppedLoadDoesNotWaitForALock: a blocked statement is cancelled.
func TestAStoppedLoadDoesNotWaitForALock(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)
	db.loadLines(t, alice)

	tx, err := db.conn.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `LOCK TABLE patient IN SHARE MODE`)
	require.NoError(t, err)

	ctx, stop := context.WithCancel(t.Context())
	path := writeLines(t, "b.ndjson", bob)
	failed := make(chan error, 1)
	go func() {
		_, err := load.Files(ctx, db.url, []string{path}, load.Options{})
		failed <- err
	}()
	const waiting = `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'patient'::regclass)`
	db.eventually(t, waiting, "it waits")
	stop()
	require.ErrorIs(t, <-failed, context.Canceled)
	require.Equal(t, "false", db.text(t, `SELECT (`+waiting+`)::text`), "it is called off when the load returns")
	db.eventually(t, noLoader, "no connection is left")

	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, []string{"pt-1"}, db.rows(t, patientIDs))
}
