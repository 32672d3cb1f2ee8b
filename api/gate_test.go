package api_test

import (
	"bufio"
	"context"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// gateSQL makes a table patient of which readers get the first row at once and
// the last when the gate is open: when nobody holds the advisory lock. The one
// between them is longer than what PostgreSQL keeps back before it sends, and
// so pushes the first one out.
const gateSQL = `
INSERT INTO patient (id, txid, status, resource) VALUES
	('pt-1', 1, 'created', '{}'),
	('pt-2', 2, 'created', jsonb_build_object('text', repeat('x', 32768))),
	('pt-3', 3, 'created', '{}');

CREATE FUNCTION pass(id text) RETURNS boolean LANGUAGE plpgsql AS $$
BEGIN
	IF id = 'pt-3' THEN
		PERFORM pg_advisory_xact_lock_shared(1);
	END IF;
	RETURN true;
END $$;
CREATE POLICY gate ON patient USING (pass(id));
ALTER TABLE patient ENABLE ROW LEVEL SECURITY;`

// gate makes a table that can't be read to its end before the returned
// function is called.
func (b *testBundle) gate(t *testing.T) (open func()) {
	t.Helper()
	b.aidbox(t, "Patient")
	b.exec(t, gateSQL)
	return b.hold(t, `SELECT pg_advisory_xact_lock(1)`)
}

// hold runs the statement in a transaction, and returns what ends it.
func (b *testBundle) hold(t *testing.T, lockSQL string) (release func()) {
	t.Helper()
	tx, err := b.db.Begin(t.Context())
	require.NoError(t, err)
	t.Cleanup(func() { _ = tx.Rollback(context.Background()) }) // the test's context is over
	_, err = tx.Exec(t.Context(), lockSQL)
	require.NoError(t, err)
	return func() { require.NoError(t, tx.Rollback(t.Context())) }
}

// begin asks for the target and returns the answer when its first bytes have
// come.
func (b *testBundle) begin(t *testing.T, target string) (*http.Response, *bufio.Reader) {
	t.Helper()
	response, err := b.http.Do(b.request(t, http.MethodGet, target))
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	require.Equal(t, http.StatusOK, response.StatusCode)
	body := bufio.NewReader(response.Body)
	_, err = body.Peek(16)
	require.NoError(t, err)
	return response, body
}

// requireRest checks that the dump goes on to its proper end.
func requireRest(t *testing.T, body io.Reader) {
	t.Helper()
	all, err := io.ReadAll(body)
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(all), "\n"))
}

// readersSQL lists the backends that read the table patient.
const readersSQL = `
SELECT coalesce(array_agg(pid), '{}') FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'sluice (sluice reader)'
	AND state <> 'idle' AND query LIKE '%FROM %"public"."patient"%'`

// readers returns the process ids of the backends that read for a dump.
func (b *testBundle) readers(t *testing.T) []int {
	t.Helper()
	var pids []int
	require.NoError(t, b.db.QueryRow(t.Context(), readersSQL).Scan(&pids))
	return pids
}

// requireReader waits for the one backend that reads for a dump.
func (b *testBundle) requireReader(t *testing.T) (pid int) {
	t.Helper()
	require.Eventually(t, func() bool { return len(b.readers(t)) > 0 }, patience, tick)
	pids := b.readers(t)
	require.Len(t, pids, 1)
	return pids[0]
}

// requireNoReaders waits until no query of a dump is left in PostgreSQL.
func (b *testBundle) requireNoReaders(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return len(b.readers(t)) == 0 }, patience, tick)
}

// requireConnections checks that no connection to the source was lost: dumps go
// on, and more of them than there are connections.
func (b *testBundle) requireConnections(t *testing.T) {
	t.Helper()
	for range 2 * sourceConns {
		got := b.get(t, "/Patient/$dump")
		require.Equal(t, http.StatusOK, got.StatusCode)
	}
}
