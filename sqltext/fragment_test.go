package sqltext_test

import (
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/sqltext"
)

func statement(t *testing.T, f sqltext.Fragment) (sql string, args []string) {
	t.Helper()
	sql, values := f.Statement()
	for _, value := range values {
		args = append(args, string(value))
	}
	return sql, args
}

func TestStatementNumbersArguments(t *testing.T) {
	t.Parallel()
	id := sqltext.Arg("a", "text")
	where := sqltext.Join([]sqltext.Fragment{
		sqltext.New("r.n = {n}", sqltext.Values{"n": sqltext.Arg("1", "int")}),
		sqltext.New("r.id = {id} OR r.other = {id}", sqltext.Values{"id": id}),
		sqltext.New("r.document = {id}", sqltext.Values{"id": sqltext.Arg("a", "jsonb")}),
	}, " AND ")
	sql, args := statement(t, sqltext.New("SELECT {columns} FROM t AS r WHERE {where} LIMIT {n}", sqltext.Values{
		"columns": id, "where": where, "n": sqltext.Arg("1", "int"),
	}))
	require.Equal(t, "SELECT $1::text FROM t AS r WHERE r.n = $2::int AND r.id = $1::text OR r.other = $1::text AND r.document = $3::jsonb LIMIT $2::int", sql)
	require.Equal(t, []string{"a", "1", "a"}, args)
}

// What fills a hole is never a template itself, whatever a table is called.
func TestValuesAreNotTemplates(t *testing.T) {
	t.Parallel()
	name := sqltext.Text(`"{rows} $1 %s"`)
	f := sqltext.New("SELECT FROM {table} JOIN {rows} AS r", sqltext.Values{"table": name, "rows": name})
	sql, args := statement(t, f.Fill(sqltext.Values{"rows": sqltext.Text("wrong")}))
	require.Equal(t, `SELECT FROM "{rows} $1 %s" JOIN "{rows} $1 %s" AS r`, sql)
	require.Empty(t, args)
}

func TestHolesAreFilledLater(t *testing.T) {
	t.Parallel()
	f := sqltext.New("{rows}{a}{rows}", sqltext.Values{"a": sqltext.Text(", ")})
	sql, _ := statement(t, f)
	require.Equal(t, "{rows}, {rows}", sql)
	sql, _ = statement(t, f.Fill(sqltext.Values{"rows": sqltext.Text("x")}))
	require.Equal(t, "x, x", sql)
	sql, _ = statement(t, f)
	require.Equal(t, "{rows}, {rows}", sql, "a fragment does not change")
}

func TestBracesThatAreNoHoles(t *testing.T) {
	t.Parallel()
	for _, text := range []string{`v #>> '{}'`, `'{a,b}'`, `'{0,id}'`, `x{1,30}`, `{`, `}{`, `{a`, `{a{`, `{A}`, "", `{ rows}`} {
		sql, _ := statement(t, sqltext.New(text, sqltext.Values{"a": sqltext.Text("no"), "rows": sqltext.Text("no")}))
		require.Equal(t, text, sql)
	}
	sql, _ := statement(t, sqltext.New(`{{a}}`, sqltext.Values{"a": sqltext.Text("yes")}))
	require.Equal(t, "{yes}", sql)
}

func TestIsEmpty(t *testing.T) {
	t.Parallel()
	require.True(t, sqltext.Fragment{}.IsEmpty())
	require.True(t, sqltext.Text("").IsEmpty())
	require.True(t, sqltext.Concat(sqltext.Text(""), sqltext.Fragment{}).IsEmpty())
	require.True(t, sqltext.New("{a}", sqltext.Values{"a": {}}).IsEmpty())
	require.False(t, sqltext.Arg("", "text").IsEmpty())
}
