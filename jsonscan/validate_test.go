package jsonscan_test

import (
	"context"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jsonscan"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// invalid are documents that Validate rejects, and where.
var invalid = []struct {
	doc    string
	offset int
	reason string
}{
	{``, 0, "not a JSON object"},
	{`[1]`, 0, "not a JSON object"},
	{` "a"`, 1, "not a JSON object"},
	{"\ufeff{}", 0, "not a JSON object"},
	{`{`, 1, "unexpected end of the document"},
	{`{"a"`, 4, "unexpected end of the document"},
	{`{"a":`, 5, "unexpected end of the document"},
	{`{"a":1`, 6, "unexpected end of the document"},
	{`{"a":1,}`, 7, "expected a key"},
	{`{"a":1 "b":2}`, 7, "expected a comma or a closing bracket"},
	{`{"a":[1,]}`, 8, "expected a value"},
	{`{"a":[1}}`, 7, "expected a comma or a closing bracket"},
	{`{"a":tru}`, 5, "expected a value"},
	{`{"a":nullx}`, 5, "expected a value"},
	{`{a:1}`, 1, "expected a key"},
	{`{"a":01}`, 6, "expected a comma or a closing bracket"},
	{`{"a":-}`, 6, "expected a digit"},
	{`{"a":1.}`, 7, "expected a digit"},
	{`{"a":1e+}`, 8, "expected a digit"},
	{`{"a":.5}`, 5, "expected a value"},
	{`{"a":"b}`, 8, "unexpected end of the document"},
	{`{"a":"b\`, 7, "invalid escape sequence"},
	{`{"a":"\x"}`, 6, "invalid escape sequence"},
	{`{"a":"\u12g4"}`, 6, "invalid escape sequence"},
	{"{\"a\":\"\n\"}", 6, "control character in a string"},
	{"{\"a\":\"long enough to skip\x01\"}", 25, "control character in a string"},
	{"{\"a\":\"\xff\"}", 6, "invalid UTF-8"},
	{"{\"a\":\"\xed\xa0\x80\"}", 6, "invalid UTF-8"},
	{`{"a":"\u0000"}`, 6, `\u0000, which PostgreSQL cannot store,`},
	{`{"a":"\ud800"}`, 6, "unpaired surrogate, which PostgreSQL cannot store,"},
	{`{"a":"\ud83d\u0041"}`, 6, "unpaired surrogate, which PostgreSQL cannot store,"},
	{`{"a":"\ude00\ud83d"}`, 6, "unpaired surrogate, which PostgreSQL cannot store,"},
	{`{} {}`, 3, "unexpected data after the JSON object"},
	{`{"a":` + strings.Repeat("[", 1000), 1004, "nested too deeply"},
}

// valid are documents with what is rare in JSON.
var valid = []string{
	`{}`, " \t\r\n{ } ", `{"":""}`, `{"a":[]}`, `{"a":[[],{}]}`, `{"a":[1,-0,0.5,1E5,1e-5,-1.5e+5]}`,
	`{"a":"\" \\ \/ \b \f \n \r \t \u00e9 \uD83D\ude00"}`, "{\"a\":\"é \u007f 😀\"}", `{"a":1,"a":2}`,
	`{"a":` + strings.Repeat("[", 999) + strings.Repeat("]", 999) + `}`,
}

func TestValidate(t *testing.T) {
	t.Parallel()

	for _, test := range invalid {
		var syntax *jsonscan.SyntaxError
		require.ErrorAs(t, jsonscan.Validate([]byte(test.doc)), &syntax, "%q", test.doc)
		require.Equal(t, jsonscan.SyntaxError{Offset: test.offset, Reason: test.reason}, *syntax, "%q", test.doc)
	}
	for _, doc := range valid {
		require.NoError(t, jsonscan.Validate([]byte(doc)), doc)
	}
}

// TestPostgresAgrees casts the same documents to jsonb. PostgreSQL also accepts
// arrays, scalars and deeper nesting.
func TestPostgresAgrees(t *testing.T) {
	t.Parallel()

	conn, err := pgx.Connect(t.Context(), sourcetest.Database(t))
	require.NoError(t, err)
	t.Cleanup(func() { _ = conn.Close(context.Background()) })
	accepts := func(doc string) bool {
		var text string
		return conn.QueryRow(t.Context(), `SELECT convert_from($1::bytea, 'UTF8')::jsonb::text`, []byte(doc)).Scan(&text) == nil
	}
	for _, test := range invalid {
		if test.reason == "not a JSON object" && test.doc != "" || test.reason == "nested too deeply" {
			continue
		}
		require.False(t, accepts(test.doc), "%q", test.doc)
	}
	for _, doc := range valid {
		require.True(t, accepts(doc), "%q", doc)
	}
}
