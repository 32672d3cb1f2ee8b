package sample_test

import (
	"context"
	"crypto/rand"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/dev/product"
	"github.com/seed-90096f4d/sluice/dev/sample"
)

func TestInstall(t *testing.T) {
	t.Parallel()
	databaseURL := database(t)
	program := filepath.Join(t.TempDir(), "sluice")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = filepath.Join("..", "..")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))

	env := append(os.Environ(), "SLUICE_SOURCE_URL="+databaseURL)
	require.NoError(t, sample.Install(t.Context(), product.Program{Path: program, Env: env}, databaseURL, t.TempDir(), 2000))

	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(context.WithoutCancel(t.Context())) }()
	query := func(sql string) []string {
		rows, err := conn.Query(t.Context(), sql)
		require.NoError(t, err)
		texts, err := pgx.CollectRows(rows, pgx.RowTo[string])
		require.NoError(t, err)
		return texts
	}

	require.Equal(t, []string{
		`pt-1 481 created {"name": [{"given": ["Alice"]}]}`,
		`pt-2 482 created {"name": [{"given": ["Bob"]}]}`,
		`pt-3 483 created {"name": [{"given": ["Charles"]}], "citizenship": [{"code": {"text": "ru"}}]}`,
	}, query(`SELECT concat_ws(' ', id, txid, status, resource) FROM patient
		WHERE ts = '2021-06-10T08:26:10.707454Z' AND cts = ts ORDER BY id`))
	require.Equal(t, []string{"pt-1", "pt-2", "pt-3"}, query(`SELECT id FROM patient LIMIT 3`), "a dump begins with them")
	require.Equal(t, []string{"true"}, query(`SELECT (min(txid) > 483)::text FROM observation`))

	require.Equal(t, []string{"updated"}, query(`SELECT status::text FROM patient WHERE status <> 'created'`))
	require.Equal(t, []string{"created", "deleted"}, query(`SELECT status::text FROM allergyintolerance_history ORDER BY txid`))
	require.Equal(t, []string{"0"}, query(`SELECT count(*)::text FROM allergyintolerance a
		JOIN allergyintolerance_history h USING (id)`), "a deleted resource is not in the table")
	require.Equal(t, []string{"created", "deleted", "recreated"}, query(`
		SELECT status::text FROM (SELECT id, txid, status FROM immunization_history
		  UNION ALL SELECT id, txid, status FROM immunization WHERE status <> 'created') v ORDER BY txid`))

	// The times are distributed, so that _since has an effect.
	require.Equal(t, []string{"2024", "2025"}, query(`SELECT DISTINCT extract(year FROM ts)::text AS year FROM observation ORDER BY year`))
}

// database creates an empty database for the test.
func database(t *testing.T) string {
	t.Helper()
	server := os.Getenv("TEST_DATABASE_URL")
	if server == "" {
		if os.Getenv("CI") != "" {
			t.Fatal("TEST_DATABASE_URL is not set")
		}
		t.Skip("TEST_DATABASE_URL is not set: run make test")
	}

	name := pgx.Identifier{"sluice_sample_" + rand.Text()}
	conn, err := pgx.Connect(t.Context(), server)
	require.NoError(t, err)
	_, err = conn.Exec(t.Context(), "CREATE DATABASE "+name.Sanitize())
	require.NoError(t, err)
	t.Cleanup(func() {
		ctx := context.WithoutCancel(t.Context())
		_, err := conn.Exec(ctx, "DROP DATABASE "+name.Sanitize()+" WITH (FORCE)")
		require.NoError(t, err)
		require.NoError(t, conn.Close(ctx))
	})

	u, err := url.Parse(server)
	require.NoError(t, err)
	u.Path = "/" + name[0]
	return u.String()
}
