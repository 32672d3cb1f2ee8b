package load_test

import (
	"context"
	"fmt"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/load"
)

// loadAll loads each path by a load of its own, all at once.
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

// Two files that meet the same types in opposite order: whichever way the
// loads get in each other's way, both get through.
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

// The input never ends, as when a user presses Ctrl-C in the middle of a pipe.
func TestAStoppedLoadLeavesNothing(t *testing.T) {
	t.Parallel()
	db := newDatabase(t)

	ctx, stop := context.WithCancel(t.Context())
	input, output := io.Pipe()
	defer func() { _ = output.Close() }()
	go func() {
		_, _ = io.WriteString(output, group+"\n"+alice+"\n")
		stop()
	}()
	good := writeLines(t, "a.ndjson", patient("kept", "Kept"))
	summary, err := load.Files(ctx, db.url, []string{good, "-"}, load.Options{Stdin: input, BatchBytes: 1})

	require.ErrorIs(t, err, context.Canceled)
	require.EqualValues(t, 1, summary.Resources)
	require.Equal(t, []string{"kept"}, db.rows(t, patientIDs))
	require.Equal(t, "0", db.text(t, `SELECT count(*)::text FROM pg_stat_activity
		WHERE datname = current_database() AND application_name = 'sluice load'`), "no connection is left")
}

// A statement that waits in the database is called off as well.
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
	require.Eventually(t, func() bool {
		var waiting bool
		err := tx.QueryRow(t.Context(), `SELECT EXISTS (SELECT FROM pg_locks WHERE NOT granted AND relation = 'patient'::regclass)`).Scan(&waiting)
		return err == nil && waiting
	}, waitLong, waitStep)
	stop()
	require.ErrorIs(t, <-failed, context.Canceled)

	require.NoError(t, tx.Rollback(t.Context()))
	require.Equal(t, []string{"pt-1"}, db.rows(t, patientIDs))
}
