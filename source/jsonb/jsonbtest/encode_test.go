package jsonbtest_test

import (
	"fmt"
	"math/rand/v2"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source/jsonb/jsonbtest"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// texts have what is rare.
var texts = []string{
	`null`, `true`, `false`, `0`, `-0`, `0.000`, `-0.00`, `""`, `"a"`, `[]`, `{}`, `[[]]`, `[{}]`, `{"": {}}`, `"\"\\\/\b\f\n\r\tä😀"`, `"\ud83d\ude00"`,
	`{"a": 1, "bc": 2, "b": 3, "a": 4}`, `{"a": {"b": 1}, "a": []}`, `{"x": 1, "xy": [1, "2", null, {"z": [true, false]}], "y": 1.5}`,
	`1`, `9999`, `10000`, `123456789`, `1.5`, `0.00012`, `1.50`, `100.0`, `1e5`, `1E+5`, `1e-5`, `12.34e3`, `12.34e1`, `12.34e-9`, `0e10`, `0e-10`, `-1e131071`, `1e-16383`,
	`1e255`, `1e256`, `1e-256`, `1e-257`, `1.` + strings.Repeat("0", 63), `1.` + strings.Repeat("0", 64), `0.` + strings.Repeat("0", 63), `0.` + strings.Repeat("0", 64),
	` [ 1 , 2 ] `, strings.Repeat("[", 1000) + strings.Repeat("]", 1000), `[` + strings.Repeat(`"x",`, 1000) + `1]`,
}

// TestEncode compares with what the server stores.
func TestEncode(t *testing.T) {
	databaseURL := sourcetest.Database(t)
	sourcetest.CreateCast(t, databaseURL)
	conn, err := pgx.Connect(t.Context(), databaseURL)
	require.NoError(t, err)
	defer func() { _ = conn.Close(t.Context()) }()

	check := func(text, message string) {
		var stored []byte
		require.NoError(t, conn.QueryRow(t.Context(), "SELECT $1::text::jsonb::bytea", text).Scan(&stored), message)
		require.Equal(t, stored, jsonbtest.Encode([]byte(text)), message)
	}
	for _, text := range texts {
		check(text, text)
	}
	for n := range 140 {
		check(`[`+strings.Repeat(`"ab",`, n)+`1]`, fmt.Sprintf("array of %d", n+1))
		names := make([]string, n)
		for i := range names {
			names[i] = fmt.Sprintf(`"%d": "%d"`, i*i, i)
		}
		check(`{`+strings.Join(names, ",")+`}`, fmt.Sprintf("object of %d", n))
	}
	for seed := range uint64(1000) {
		check(jsonbtest.RandomText(rand.New(rand.NewPCG(seed, 0)), int(seed%6)), fmt.Sprintf("seed %d", seed))
	}
}
