package api_test

import (
	"io"
	"net/http"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/source"
)

// waitingSQL counts the sessions that wait for the table patient, without readers.
const waitingSQL = `SELECT count(*) FROM pg_locks WHERE NOT granted AND relation = 'patient'::regclass AND mode <> 'AccessShareLock'`

// queue starts a statement, waits until it is in the lock queue of the table patient as
// one of position sessions, or has ended because the dump has yielded already, and
// returns a function that waits for its end.
func (b *testBundle) queue(t *testing.T, sql string, position int) (wait func()) {
	t.Helper()
	failure := make(chan error, 1)
	go func() {
		_, err := b.DB.Exec(t.Context(), sql)
		failure <- err
	}()
	require.Eventually(t, func() bool { return len(failure) > 0 || b.Count(t, waitingSQL) == position }, apitest.Patience, apitest.Tick)
	return func() {
		t.Helper()
		select {
		case err := <-failure:
			require.NoError(t, err)
		case <-time.After(apitest.Patience):
			require.Fail(t, "the statement still waits", sql)
		}
	}
}

// atGateSQL counts the sessions that read a table and wait at its gate. A session that
// only prepares to read holds no lock on the table yet.
const atGateSQL = `
SELECT count(*) FROM pg_locks
WHERE locktype = 'advisory' AND NOT granted AND database = (SELECT oid FROM pg_database WHERE datname = current_database())`

// serveGivingWay serves dumps whose scans yield their lock after three seconds.
func (b *testBundle) serveGivingWay(t *testing.T, config source.Config) {
	t.Helper()
	config.URL, config.GiveWay, config.RowSecurity = apitest.AsReader(t, b.DB.Config().ConnString()), 3*time.Second, true // for gate
	hurried, err := source.Open(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(hurried.Close)
	b.Config.Source = hurried
	b.Serve(t, api.New(b.Config))
}

// A dump whose client is slow does not keep the application from its table: the
// dump is cut, visibly, and DDL and the writes queued behind it proceed.
func TestDumpGivesWay(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		ddl    string
		config source.Config
	}{
		"OneReader":   {`ALTER TABLE patient ADD COLUMN note text`, source.Config{}},
		"ManyReaders": {`TRUNCATE patient`, source.Config{Spares: 2, BytesPerReader: 1 << 20}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t)
			b.large(t, largeRows, largeSize)
			b.serveGivingWay(t, test.config)

			_, body := b.begin(t, "/Patient/$dump")
			slow, done := make(chan struct{}), make(chan error, 1)
			go func() {
				for { // a few kB/s
					select {
					case <-slow:
						_, err := io.Copy(io.Discard, body)
						done <- err
						return
					case <-time.After(200 * time.Millisecond):
						_, _ = io.CopyN(io.Discard, body, 1<<10)
					}
				}
			}()
			ddl := b.queue(t, test.ddl, 1)
			insert := b.queue(t, `INSERT INTO patient (id, txid, status, resource) VALUES ('new', 1, 'created', '{}')`, 2)
			ddl()
			insert()
			close(slow)
			require.Error(t, <-done, "what came does not look whole")
			require.Eventually(t, func() bool { return len(b.Logs.Ended(t)) == 1 }, apitest.Patience, apitest.Tick)
			require.Equal(t, "lock_conflict", b.Logs.Ended(t)[0].Reason)
			b.requireNoReaders(t)
			require.Equal(t, http.StatusOK, b.Get(t, "/Patient/$dump").StatusCode)
		})
	}
}

// Before its first byte, a dump that yields its lock is refused with a transient error.
func TestDumpGivesWayBeforeTheFirstByte(t *testing.T) {
	t.Parallel()
	b := setup(t)
	open := b.gate(t)
	b.Exec(t, `DELETE FROM patient WHERE id <> 'pt-3'`)
	b.serveGivingWay(t, source.Config{})

	wait := b.Later(t, b.Request(t, http.MethodGet, "/Patient/$dump"))
	require.Eventually(t, func() bool { return b.Count(t, atGateSQL) == 1 }, apitest.Patience, apitest.Tick)
	b.queue(t, `ALTER TABLE patient ADD COLUMN note text`, 1)()
	got, err := wait()
	require.NoError(t, err)
	apitest.RequireRefusal(t, got, http.StatusServiceUnavailable, "transient", "")
	require.NotEmpty(t, got.Header.Get("Retry-After"))
	open()
	require.Equal(t, http.StatusOK, b.Get(t, "/Patient/$dump").StatusCode)
}
