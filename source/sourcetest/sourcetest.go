// Package sourcetest gives each test a PostgreSQL database of its own.
//
// The server is the one TEST_DATABASE_URL names; `make test` starts one and
// sets it. Only tests import this package.
package sourcetest

import (
	"context"
	"crypto/rand"
	"fmt"
	"net/url"
	"os"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"
)

// Database makes an empty database and returns its URL. The database is
// dropped, connections and all, when the test ends. Without TEST_DATABASE_URL
// the test is skipped; on CI it fails, since there nothing may be skipped.
func Database(tb testing.TB) string {
	tb.Helper()
	return database(tb, "")
}

// DatabaseIn is Database with this encoding.
func DatabaseIn(tb testing.TB, encoding string) string {
	tb.Helper()
	return database(tb, " TEMPLATE template0 LC_COLLATE 'C' LC_CTYPE 'C' ENCODING "+encoding)
}

func database(tb testing.TB, options string) string {
	tb.Helper()

	server := os.Getenv("TEST_DATABASE_URL")
	if server == "" {
		if os.Getenv("CI") != "" {
			tb.Fatal("TEST_DATABASE_URL is not set")
		}
		tb.Skip("TEST_DATABASE_URL is not set: run make test, or point it at a server that may create databases")
	}

	name := pgx.Identifier{"sluice_test_" + rand.Text()}
	Execute(tb, server, "CREATE DATABASE "+name.Sanitize()+options)
	tb.Cleanup(func() { Execute(tb, server, "DROP DATABASE "+name.Sanitize()+" WITH (FORCE)") })

	u, err := url.Parse(server)
	require.NoError(tb, err)
	u.Path = "/" + name[0]
	return u.String()
}

// SkewedDatabase is Database whose clock is ahead of that of the processes by
// this much: now() and clock_timestamp() return the shifted time. It is exact to
// the second.
func SkewedDatabase(tb testing.TB, ahead time.Duration) string {
	tb.Helper()
	databaseURL := Database(tb)
	for _, name := range []string{"now", "clock_timestamp"} {
		Execute(tb, databaseURL, fmt.Sprintf(
			`CREATE FUNCTION public.%[1]s() RETURNS timestamptz LANGUAGE sql AS $$ SELECT pg_catalog.%[1]s() + interval '%[2]d s' $$`,
			name, int(ahead.Seconds())))
	}
	Execute(tb, databaseURL, `DO $$ BEGIN
		EXECUTE format('ALTER DATABASE %I SET search_path = public, pg_catalog', current_database());
	END $$`)
	return databaseURL
}

// CreateCast creates the cast from jsonb to bytea, which lets resources be read in their
// stored form, unless the database has it.
func CreateCast(tb testing.TB, databaseURL string) {
	tb.Helper()
	Execute(tb, databaseURL, `DO $$ BEGIN CREATE CAST (jsonb AS bytea) WITHOUT FUNCTION; EXCEPTION WHEN duplicate_object THEN END $$`)
}

// Execute runs one statement on a connection of its own: CREATE and DROP
// DATABASE allow no transaction and no other session. The context is not the
// test's, which is already cancelled when a cleanup runs.
func Execute(tb testing.TB, databaseURL, sql string) {
	tb.Helper()

	ctx, cancel := context.WithTimeout(context.Background(), 2*time.Minute)
	defer cancel()

	conn, err := pgx.Connect(ctx, databaseURL)
	require.NoError(tb, err)
	defer func() { _ = conn.Close(ctx) }()

	_, err = conn.Exec(ctx, sql)
	require.NoError(tb, err)
}
