package jsonb_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source/jsonb"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// documents are expressions of type jsonb with what is rare.
var documents = []string{
	`'null'`, `'true'`, `'false'`, `'0'`, `'-1.50'`, `'""'`, `'"a"'`, `'[]'`, `'{}'`, `'[[]]'`, `'[{}]'`, `'{"": ""}'`,
	`'{"a": [1, "b", null, true, false, {"c": []}], "bc": {}}'`,
	`to_jsonb(repeat('x', 1000))`,
	`(SELECT jsonb_agg(to_jsonb(chr(n)) ORDER BY n) FROM generate_series(1, 1000) n)`,
	`(SELECT to_jsonb(string_agg(chr(n), '' ORDER BY n)) FROM generate_series(1, 55295) n)`,
	`(SELECT jsonb_agg(('1e' || n)::numeric) FROM generate_series(-200, 200) n)`,
	`(SELECT jsonb_agg(('-12345.6789e' || n)::numeric) FROM generate_series(-200, 200) n)`,
	`to_jsonb('1e131071'::numeric)`, `to_jsonb('-1e-16383'::numeric)`, `to_jsonb(0.000::numeric)`, `to_jsonb('-0'::numeric)`,
	`(SELECT jsonb_agg(round((random() * 10 ^ (n % 40 - 20))::numeric, n % 30)) FROM generate_series(1, 2000) n)`,
}

// TestAppendText compares with what the server prints.
func TestAppendText(t *testing.T) {
	conn := connect(t)
	expressions := documents
	for n := range 140 {
		expressions = append(expressions,
			fmt.Sprintf(`(SELECT coalesce(jsonb_agg(n), '[]') FROM generate_series(1, %d) n)`, n),
			fmt.Sprintf(`(SELECT coalesce(jsonb_object_agg('k' || n, repeat('v', n)), '{}') FROM generate_series(1, %d) n)`, n))
	}
	for range 500 {
		expressions = append(expressions, "'"+strings.ReplaceAll(randomDocument(rand.IntN(6)), "'", "''")+"'")
	}
	for _, expression := range expressions {
		var stored []byte
		var text string
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT d::bytea, d::text FROM CAST("+expression+" AS jsonb) d").Scan(&stored, &text), expression)
		got, err := jsonb.AppendText([]byte("#"), stored)
		require.NoError(t, err, expression)
		require.Equal(t, "#"+text, string(got), expression)
	}
}

// randomDocument returns a random JSON value of at most this depth.
func randomDocument(depth int) string {
	kind := rand.IntN(9)
	if depth == 0 {
		kind %= 6
	}
	switch kind {
	case 0:
		return []string{"true", "false", "null"}[rand.IntN(3)]
	case 1, 2:
		return fmt.Sprintf("%d", rand.Int64N(1<<rand.IntN(62))-1<<rand.IntN(20))
	case 3:
		return fmt.Sprintf("%.*f", rand.IntN(12), rand.NormFloat64()*1e6)
	case 4, 5:
		return randomString()
	case 6:
		items := make([]string, rand.IntN(70))
		for i := range items {
			items[i] = randomDocument(depth - 1 - rand.IntN(depth))
		}
		return "[" + strings.Join(items, ",") + "]"
	}
	members := make([]string, rand.IntN(70))
	for i := range members {
		members[i] = randomString() + ":" + randomDocument(depth-1-rand.IntN(depth))
	}
	return "{" + strings.Join(members, ",") + "}"
}

// randomString returns a JSON string in which each character may need an escape.
func randomString() string {
	var b strings.Builder
	for range rand.IntN(30) {
		switch rand.IntN(20) {
		case 0:
			fmt.Fprintf(&b, `\u%04x`, 1+rand.IntN(0x200))
		case 1:
			b.WriteString([]string{`\"`, `\\`, `\/`, `\b`, `\f`, `\n`, `\r`, `\t`, "é", "日", "😀"}[rand.IntN(11)])
		default:
			b.WriteByte(byte('a' + rand.IntN(26)))
		}
	}
	return `"` + b.String() + `"`
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
