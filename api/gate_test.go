package api_test

import (
	"bufio"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

// gateSQL fills the table patient with three rows. Readers get the first at once and
// the last when no session holds the advisory lock. The second row is larger than
// PostgreSQL's send buffer, so that the first one is sent.
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

// gate fills a table that cannot be read to its end before the returned function is
// called.
func (b *testBundle) gate(t *testing.T) (open func()) {
	t.Helper()
	b.Aidbox(t, "Patient")
	b.Exec(t, gateSQL)
	return b.Hold(t, `SELECT pg_advisory_xact_lock(1)`)
}

// begin sends a request and returns the response when its first bytes have arrived.
func (b *testBundle) begin(t *testing.T, target string) (*http.Response, *bufio.Reader) {
	t.Helper()
	response, err := b.HTTP.Do(b.Request(t, http.MethodGet, target))
	require.NoError(t, err)
	t.Cleanup(func() { _ = response.Body.Close() })
	require.Equal(t, http.StatusOK, response.StatusCode)
	body := bufio.NewReader(response.Body)
	_, err = body.Peek(16)
	require.NoError(t, err)
	return response, body
}

// requireRest checks that a dump of the gate is complete.
func requireRest(t *testing.T, body io.Reader) {
	t.Helper()
	all, err := io.ReadAll(body)
	require.NoError(t, err)
	require.Equal(t, 3, strings.Count(string(all), "\n"))
}

// readersSQL selects the backends that read the table patient.
const readersSQL = `
SELECT coalesce(array_agg(pid), '{}') FROM pg_stat_activity
WHERE datname = current_database() AND application_name = 'sluice (sluice reader)'
	AND state <> 'idle' AND query LIKE '%FROM %"public"."patient"%'`

// readers returns the process ids of the backends that read for a dump.
func (b *testBundle) readers(t *testing.T) []int {
	t.Helper()
	var pids []int
	require.NoError(t, b.DB.QueryRow(t.Context(), readersSQL).Scan(&pids))
	return pids
}

// requireReader waits for the one backend that reads for a dump.
func (b *testBundle) requireReader(t *testing.T) (pid int) {
	t.Helper()
	require.Eventually(t, func() bool { return len(b.readers(t)) > 0 }, apitest.Patience, apitest.Tick)
	pids := b.readers(t)
	require.Len(t, pids, 1)
	return pids[0]
}

// requireNoReaders waits until no query of a dump is left in PostgreSQL.
func (b *testBundle) requireNoReaders(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool { return len(b.readers(t)) == 0 }, apitest.Patience, apitest.Tick)
}

// requireConnections checks that no connection to the source was leaked: more dumps
// succeed than there are connections.
func (b *testBundle) requireConnections(t *testing.T) {
	t.Helper()
	for range 2 * apitest.SourceConns {
		got := b.Get(t, "/Patient/$dump")
		require.Equal(t, http.StatusOK, got.StatusCode)
	}
}
