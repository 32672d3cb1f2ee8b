package form

import (
	"bytes"
	"context"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/source/jsonb"
)

// castSQL reports whether there is a cast from jsonb to bytea that sends the bytes as they
// are.
const castSQL = `SELECT EXISTS (SELECT FROM pg_cast
	WHERE castsource = 'jsonb'::regtype AND casttarget = 'bytea'::regtype AND castmethod = 'b')`

// documentsSQL returns documents in both forms.
const documentsSQL = `SELECT d.document::text, d.document` + Cast + ` FROM unnest($1::text[]::jsonb[]) AS d (document)`

// encodingOf returns the encoding of the database.
func encodingOf(conn *pgx.Conn) string { return conn.PgConn().ParameterStatus("server_encoding") }

// examine asks a server whether it sends the stored form, and whether that is the one that
// package jsonb reads, unless that is known.
func examine(ctx context.Context, conn *pgx.Conn, known bool) (Decision, error) {
	// Text is converted to the encoding of the client, bytea is not.
	if encoding := encodingOf(conn); encoding != "UTF8" {
		return Decision{Reason: "the encoding of the source database must be UTF8, got " + encoding}, nil
	}
	var exists bool
	if err := conn.QueryRow(ctx, castSQL).Scan(&exists); err != nil {
		return Decision{}, err
	}
	switch {
	case !exists:
		return noCast, nil
	case known:
		return Decision{Stored: true}, nil
	}
	rows, err := conn.Query(ctx, documentsSQL, documents)
	if err != nil {
		return Decision{}, err
	}
	samples, err := pgx.CollectRows(rows, pgx.RowToStructByPos[sample])
	if err != nil {
		return Decision{}, err
	}
	for _, s := range samples {
		if !s.isEqual() {
			return Decision{Reason: "the source database stores jsonb in an unknown form"}, nil
		}
	}
	return Decision{Stored: true}, nil
}

// sample is a document in both forms.
type sample struct {
	Text   string
	Stored []byte
}

// isEqual reports whether package jsonb prints the stored form as the server does.
func (s sample) isEqual() bool {
	text, err := jsonb.AppendText(nil, s.Stored)
	return err == nil && bytes.Equal(text, []byte(s.Text))
}

// documents have values of every type, in every form in which a server may store them.
var documents = []string{
	`{}`, `[]`, `null`, `true`, `false`, `0`, `""`, `"é"`,
	// Text: every escape, and characters that have none.
	`{"escapes": "\"\\\b\f\n\r\t\u0001\u001f/\u007f", "é": "日本語 😀", "": " "}`,
	// Numbers: short and long headers, both signs, weights and scales of each size.
	`[0, 0.00, 1, -1, 12.50, -0.0001, 10000, 99999999, 123456789012345678901234567890, 1e63, -1e64, 1e255, 1e256, 1e-63, -1e-64, 1.5e300, 2.5e-300]`,
	// Padding: numbers and containers after strings of each length.
	`["", 1, "a", 2, "ab", [3], "abc", {"d": 4}, "abcd", 5, true, 6, false, {"null": null}]`,
	// Nested containers.
	`{"a": {"b": [{"c": [[], {}, [[[1.25]]]]}, {"d": {"e": {"f": "g"}}}]}, "name": [{"given": ["A", "B"]}]}`,
	// More entries than have lengths: every 32nd has an offset.
	members(31), members(32), members(33), members(100), elements(31), elements(32), elements(33), elements(100),
}

// members returns an object with n members of several types.
func members(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = `"k` + strconv.Itoa(i) + `": ` + value(i)
	}
	return "{" + strings.Join(all, ", ") + "}"
}

// elements returns an array with n elements of several types.
func elements(n int) string {
	all := make([]string, n)
	for i := range all {
		all[i] = value(i)
	}
	return "[" + strings.Join(all, ", ") + "]"
}

// value returns the value of a number in a document.
func value(i int) string {
	switch text := strconv.Itoa(i); i % 5 {
	case 0:
		return text
	case 1:
		return `"` + strings.Repeat("v", i) + `"`
	case 2:
		return "[" + text + "]"
	case 3:
		return `{"` + text + `": null}`
	}
	return strconv.FormatBool(i%2 == 0)
}
