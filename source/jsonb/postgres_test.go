package jsonb_test

import (
	"crypto/md5"
	"encoding/hex"
	"fmt"
	"math/rand/v2"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source/jsonb"
	"github.com/seed-90096f4d/sluice/source/jsonb/jsonbtest"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// rare are expressions of type jsonb with what is rare.
var rare = []string{
	`'null'`, `'true'`, `'false'`, `'0'`, `'-1.50'`, `'""'`, `'"a"'`, `'[]'`, `'{}'`, `'[[]]'`, `'[{}]'`, `'{"": ""}'`,
	`'{"a": [1, "b", null, true, false, {"c": []}], "bc": {}}'`,
	`to_jsonb(repeat('x', 1000))`, `to_jsonb(repeat(E'\x01', 1000))`,
	`(SELECT jsonb_agg(to_jsonb(repeat('x', n) || '"' || repeat('y', n % 9))) FROM generate_series(0, 100) n)`,
	`(SELECT jsonb_agg(to_jsonb(chr(n)) ORDER BY n) FROM generate_series(1, 1000) n)`,
	`(SELECT to_jsonb(string_agg(chr(n), '' ORDER BY n)) FROM generate_series(1, 55295) n)`,
	`(SELECT jsonb_object_agg(chr(n), chr(n + 1)) FROM generate_series(1, 200) n)`,
	`(SELECT jsonb_agg(('1e' || n)::numeric) FROM generate_series(-200, 200) n)`,
	`(SELECT jsonb_agg(('-12345.6789e' || n)::numeric) FROM generate_series(-200, 200) n)`,
	`(SELECT jsonb_agg(round((('1e' || w)::numeric + ('1e-' || s)::numeric) * CASE s % 2 WHEN 0 THEN 1 ELSE -1 END, s)) FROM generate_series(0, 270, 15) w, generate_series(0, 270, 9) s)`,
	`to_jsonb('1e131071'::numeric)`, `to_jsonb('-1e-16383'::numeric)`, `to_jsonb(repeat('9', 131072)::numeric)`,
	`to_jsonb(('0.' || repeat('12345', 3276) || '123')::numeric)`, `to_jsonb((repeat('98765', 26214) || '.' || repeat('0', 16383))::numeric)`,
	`to_jsonb(0.000::numeric)`, `to_jsonb('-0'::numeric)`, `to_jsonb('-0.00'::numeric)`,
	`(SELECT jsonb_agg(round((random() * 10 ^ (n % 40 - 20))::numeric, n % 30)) FROM generate_series(1, 2000) n)`,
}

// TestAppendText compares with what the server prints.
func TestAppendText(t *testing.T) {
	conn := connect(t)
	seed := testSeed(t)
	r := rand.New(rand.NewPCG(seed, 3))
	expressions := rare
	for n := range 140 {
		expressions = append(expressions,
			fmt.Sprintf(`(SELECT coalesce(jsonb_agg(n), '[]') FROM generate_series(1, %d) n)`, n),
			fmt.Sprintf(`(SELECT coalesce(jsonb_object_agg('k' || n, repeat('v', n)), '{}') FROM generate_series(1, %d) n)`, n))
	}
	for range 2000 {
		expressions = append(expressions, "'"+strings.ReplaceAll(jsonbtest.RandomText(r, r.IntN(7)), "'", "''")+"'")
	}
	for _, expression := range expressions {
		compare(t, conn, expression)
	}
}

// compare compares the text of an expression of type jsonb with the server's.
func compare(t *testing.T, conn *pgx.Conn, expression string) {
	t.Helper()
	var stored []byte
	var text string
	require.NoError(t, conn.QueryRow(t.Context(), "SELECT d::bytea, d::text FROM CAST("+expression+" AS jsonb) d").Scan(&stored, &text), "%.1000s", expression)
	got, err := jsonb.AppendText([]byte("#"), stored)
	require.NoError(t, err, "%.1000s", expression)
	equal(t, "#"+text, got, expression)
	if len(text) < 1<<20 {
		require.Equal(t, text, string(checkAppend(t, stored)))
	}
}

// equal is require.Equal without a difference of megabytes.
func equal(t *testing.T, want string, got []byte, source string) {
	t.Helper()
	if want != string(got) {
		t.Fatalf("%.1000s: want %.1000q, got %.1000q", source, want, got)
	}
}

// TestPublicData compares for published resources.
func TestPublicData(t *testing.T) {
	files, err := filepath.Glob(filepath.Join(publicData(), "*", "*.ndjson.gz"))
	require.NoError(t, err)
	if len(files) == 0 {
		t.Skip("no public FHIR data: set SLUICE_TEST_DATA to its folder")
	}
	conn := connect(t)
	for _, file := range files {
		var lines []string
		bytes := 0
		readLines(t, file, func(line []byte) {
			lines = append(lines, string(line))
			if bytes += len(line); bytes > 8<<20 {
				compareAll(t, conn, lines)
				lines, bytes = nil, 0
			}
		})
		compareAll(t, conn, lines)
	}
}

// compareAll compares for texts, and compares the stored form with that of jsonbtest.
func compareAll(t *testing.T, conn *pgx.Conn, texts []string) {
	t.Helper()
	rows, err := conn.Query(t.Context(), `
		WITH documents AS MATERIALIZED (SELECT n, t::jsonb d FROM unnest($1::text[]) WITH ORDINALITY t(t, n))
		SELECT d::bytea, d::text FROM documents ORDER BY n`, texts)
	require.NoError(t, err)
	var got, stored, want []byte
	n := 0
	_, err = pgx.ForEachRow(rows, []any{&stored, &want}, func() error {
		got, err = jsonb.AppendText(got[:0], stored)
		require.NoError(t, err)
		equal(t, string(want), got, texts[n])
		equal(t, string(stored), jsonbtest.Encode([]byte(texts[n])), texts[n])
		n++
		return nil
	})
	require.NoError(t, err)
	require.NoError(t, rows.Err())
	require.Len(t, texts, n)
}

// TestDepth compares for the deepest containers that the server can print.
func TestDepth(t *testing.T) {
	conn := connect(t)
	_, err := conn.Exec(t.Context(), "SET max_stack_depth = '7680kB'")
	require.NoError(t, err)
	for opening, closing := range map[string]string{"[": "]", `{"a":`: "}"} {
		nest := func(depth int) string { return strings.Repeat(opening, depth) + "1" + strings.Repeat(closing, depth) }
		depth := 0
		for step := 1 << 17; step > 0; step /= 2 {
			var length int
			if conn.QueryRow(t.Context(), "SELECT length($1::text::jsonb::text)", nest(depth+step)).Scan(&length) == nil {
				depth += step
			}
		}
		t.Logf("%s%s: %d levels", opening, closing, depth)
		require.Greater(t, depth, 1000)
		require.Less(t, depth, jsonb.MaxDepth)
		compare(t, conn, "'"+nest(depth-depth/20)+"'") // the statement itself needs some stack
	}
}

// TestLarge compares for a document of 250 MB, near the largest one.
func TestLarge(t *testing.T) {
	if testing.Short() {
		t.Skip("takes seconds and 2 GB of memory")
	}
	conn := connect(t)
	started := time.Now()
	var stored []byte
	var sum string
	require.NoError(t, conn.QueryRow(t.Context(), `SELECT d::bytea, md5(d::text) FROM (
		SELECT jsonb_agg(jsonb_build_object('id', n, 'value', n / 100.0, 'text', repeat(E'0123456789 abcdefghijklmnopq\n', 4000 + n % 7))) d FROM generate_series(1, 2150) n) d`).Scan(&stored, &sum))
	require.Greater(t, len(stored), 245_000_000)
	printing := time.Now()
	text, err := jsonb.AppendText(nil, stored)
	require.NoError(t, err)
	t.Logf("%d bytes in %v, the server took %v", len(text), time.Since(printing), printing.Sub(started))
	got := md5.Sum(text)
	require.Equal(t, sum, hex.EncodeToString(got[:]))
}

// connect returns a connection to a database with the cast.
func connect(t *testing.T) *pgx.Conn {
	t.Helper()
	databaseURL := sourcetest.Database(t)
	sourcetest.CreateCast(t, databaseURL)
	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(t.Context()) })
	return conn
}
