package pgsession_test

import (
	"net/url"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/pgsession"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// Connections that the server has closed while they were idle, however shortly, are
// replaced before they are used.
func TestDeadConnections(t *testing.T) {
	t.Parallel()
	address := sourcetest.Database(t)
	config, err := pgsession.Parse(address, pgsession.Options{})
	require.NoError(t, err)
	const conns = 8
	config.MaxConns = conns
	pool, err := pgxpool.NewWithConfig(t.Context(), config)
	require.NoError(t, err)
	t.Cleanup(pool.Close)
	killer, err := pgx.Connect(t.Context(), address)
	require.NoError(t, err)
	t.Cleanup(func() { _ = killer.Close(t.Context()) })

	for range 5 {
		var held []*pgxpool.Conn
		for range conns {
			conn, err := pool.Acquire(t.Context())
			require.NoError(t, err)
			held = append(held, conn)
		}
		for _, conn := range held {
			conn.Release()
		}
		var killed int
		require.NoError(t, killer.QueryRow(t.Context(), `SELECT count(pg_terminate_backend(pid, 60000)) FROM pg_stat_activity
			WHERE datname = current_database() AND pid <> pg_backend_pid()`).Scan(&killed))
		require.Equal(t, conns, killed)
		for range conns {
			_, err := pool.Exec(t.Context(), `SELECT 1`)
			require.NoError(t, err)
		}
	}
}

// What the connection string sets replaces defaults, in any spelling, and nothing
// that is required.
func TestParameters(t *testing.T) {
	t.Parallel()
	u, err := url.Parse(sourcetest.Database(t))
	require.NoError(t, err)
	u.RawQuery += "&STATEMENT_TIMEOUT=7s&Client_Encoding=LATIN1&Application_Name=mine"
	config, err := pgsession.Parse(u.String(), pgsession.Options{
		Defaults: map[string]string{"application_name": "default", "lock_timeout": "3s", "statement_timeout": "3s"},
		Required: map[string]string{"row_security": "on"},
	})
	require.NoError(t, err)
	conn, err := pgx.ConnectConfig(t.Context(), config.ConnConfig)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	for name, want := range map[string]string{
		"application_name": "mine", "client_encoding": "UTF8", "lock_timeout": "3s", "row_security": "on", "statement_timeout": "7s",
	} {
		var got string
		require.NoError(t, conn.QueryRow(t.Context(), `SELECT current_setting($1)`, name).Scan(&got))
		require.Equal(t, want, got, name)
	}
}
