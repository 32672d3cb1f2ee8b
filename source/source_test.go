package source_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

func TestOpen(t *testing.T) {
	t.Parallel()

	_, err := source.Open(t.Context(), source.Config{URL: "postgres://u:hush@host:port/db"})
	require.Error(t, err)
	require.NotContains(t, err.Error(), "hush")

	down := open(t, source.Config{URL: "postgres://127.0.0.1:1/db"})
	require.Error(t, down.Ping(t.Context()))
}

func TestPing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `CREATE VIEW v AS SELECT ''::text AS id, 1::bigint AS txid, now() AS ts, now() AS cts, '{}'::jsonb AS resource`)
	require.NoError(t, f.source.Ping(t.Context()))

	busy := open(t, source.Config{URL: f.url, MaxConns: 1})
	scan := source.Scan{Table: catalog.Table{Type: "V", Schema: "public", Name: "v"}}
	err := eachRow(busy.Scan(t.Context(), scan))(func(*source.Row) error { return busy.Ping(t.Context()) })
	require.NoError(t, err)
}

// Nothing can be written through a Source's sessions, whatever the role may do.
func TestSessionsReadOnly(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+`
		CREATE FUNCTION sneak() RETURNS timestamptz LANGUAGE sql AS 'DELETE FROM patient; SELECT now()';
		CREATE VIEW v AS SELECT ''::text AS id, 1::bigint AS txid, sneak() AS ts, now() AS cts, '{}'::jsonb AS resource`)
	scan := source.Scan{Table: catalog.Table{Type: "V", Schema: "public", Name: "v"}}
	err := eachRow(f.source.Scan(t.Context(), scan))(func(*source.Row) error { return nil })
	require.ErrorContains(t, err, "read-only transaction")
}

// The sessions last as long as an export takes, whatever limits the server or
// the role sets.
func TestSessionsWithoutTimeouts(t *testing.T) {
	t.Parallel()
	f := newFixture(t, `
		DO $$ BEGIN
			EXECUTE format('ALTER DATABASE %I SET idle_in_transaction_session_timeout = 12345', current_database());
			EXECUTE format('ALTER DATABASE %I SET idle_session_timeout = 12345', current_database());
			EXECUTE format('ALTER DATABASE %I SET statement_timeout = 12345', current_database());
		END $$;
		CREATE VIEW v AS SELECT ''::text AS id, 1::bigint AS txid, now() AS ts, now() AS cts, jsonb_build_array(
			current_setting('idle_in_transaction_session_timeout'), current_setting('idle_session_timeout'),
			current_setting('statement_timeout'), current_setting('jit'), current_setting('client_connection_check_interval')) AS resource`)
	sn := f.snapshot(t)

	scan := source.Scan{Table: catalog.Table{Type: "V", Schema: "public", Name: "v"}}
	for _, run := range []func(fn func(*source.Row) error) error{
		func(fn func(*source.Row) error) error { return eachRow(f.source.Scan(t.Context(), scan))(fn) },
		func(fn func(*source.Row) error) error { return scanAt(t.Context(), f.source, sn.ID, scan, fn) },
	} {
		err := run(func(row *source.Row) error {
			require.JSONEq(t, `["0", "0", "0", "off", "1s"]`, text(t, row))
			return nil
		})
		require.NoError(t, err)
	}
}
