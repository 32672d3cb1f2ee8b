package source_test

import (
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/sqltext"
)

func TestCondition(t *testing.T) {
	t.Parallel()

	f := newFixture(t, aidbox("patient")+manyRows)
	f.exec(t, `VACUUM ANALYZE patient`)
	table := f.table(t, "Patient")
	some := sqltext.Condition{Where: sqltext.New(`r.id = ANY ({ids}) OR r.resource ->> 'text' = {text}`, sqltext.Values{
		"text": sqltext.Arg("'; --", "text"), "ids": sqltext.Arg(`{"pt-1","pt-2500","pt-5000"}`, "text[]"),
	})}
	require.ElementsMatch(t, []string{"pt-1", "pt-2500", "pt-5000"}, f.ids(t, source.Scan{Table: table, Condition: some}))

	// Among the rows that are read, where the condition says so.
	ids := sqltext.Values{"ids": sqltext.Arg(`{"pt-1","pt-4000","nobody",NULL}`, "text[]")}
	among := sqltext.Condition{
		Where:  sqltext.New(`r.id IN (SELECT l.id FROM {rows} AS l WHERE l.id = ANY ({ids}))`, ids),
		Lookup: sqltext.New(`SELECT l.ctid FROM {rows} AS l CROSS JOIN generate_series(1, 2) WHERE l.id = ANY ({ids})`, ids),
	}
	require.ElementsMatch(t, []string{"pt-1", "pt-4000"}, f.ids(t, source.Scan{Table: table, Condition: among}))
	found := catalog.PageRange{Schema: table.Schema, Name: table.Name, ByLookup: true}
	require.ElementsMatch(t, []string{"pt-1", "pt-4000"}, f.ids(t, source.Scan{Table: table, Condition: among, Pages: found}), "each once")

	for _, c := range []sqltext.Condition{some, among} {
		whole := f.ids(t, source.Scan{Table: table, Condition: c})
		var parts []string
		for _, blocks := range catalog.PageRanges(table, table.Bytes/4) {
			parts = append(parts, f.ids(t, source.Scan{Table: table, Condition: c, Pages: blocks})...)
		}
		require.ElementsMatch(t, whole, parts, "each row in one part")
	}
	f.exec(t, `UPDATE patient SET ts = '2020-01-01' WHERE id = 'pt-1'`)
	since := source.Scan{Table: table, Condition: among, ChangedAfter: time.Date(2021, 1, 1, 0, 0, 0, 0, time.UTC)}
	require.Equal(t, []string{"pt-4000"}, f.ids(t, since))
	since.Pages = found
	require.Equal(t, []string{"pt-4000"}, f.ids(t, since))
}

// The server leaves out what nobody wants, of resources that are objects.
func TestOmitMembers(t *testing.T) {
	t.Parallel()

	f := newFixture(t, aidbox("patient")+`;INSERT INTO patient (id, txid, resource) VALUES
		('a', 1, '{"kept": 1, "member": [2], "link": 3}'), ('b', 2, '[1]'), ('c', 3, '"member"')`)
	scan := source.Scan{Table: f.table(t, "Patient"), OmitMembers: []string{"member", "link"}, Condition: sqltext.Condition{Where: sqltext.New("r.id < {id}", sqltext.Values{"id": sqltext.Arg("x", "text")})}}
	got := map[string]string{}
	require.NoError(t, eachRow(f.source.Page(t.Context(), scan, "", 5))(func(row *source.Row) error {
		got[string(row.ID)] = text(t, row)
		return nil
	}))
	require.Equal(t, map[string]string{"a": `{"kept": 1}`, "b": `[1]`, "c": `"member"`}, got)
}

func TestLookup(t *testing.T) {
	t.Parallel()

	f := newFixture(t, aidbox("patient")+manyRows)
	lookup := sqltext.New(`SELECT id FROM patient WHERE id = ANY ({ids})`, sqltext.Values{"ids": sqltext.Arg(`{"pt-1","pt-9999"}`, "text[]")})
	ids, err := f.source.Lookup(t.Context(), lookup)
	require.NoError(t, err)
	require.Equal(t, []string{"pt-1"}, ids)

	sn := f.snapshot(t)
	f.exec(t, `DELETE FROM patient WHERE id = 'pt-1'`)
	reader, err := f.source.OpenReader(t.Context(), sn.ID)
	require.NoError(t, err)
	defer reader.Close(t.Context())
	ids, err = reader.Lookup(t.Context(), lookup)
	require.NoError(t, err)
	require.Equal(t, []string{"pt-1"}, ids, "the snapshot still has it")
	ids, err = sn.Lookup(t.Context(), lookup)
	require.NoError(t, err)
	require.Equal(t, []string{"pt-1"}, ids)
	ids, err = f.source.Lookup(t.Context(), lookup)
	require.NoError(t, err)
	require.Equal(t, []string{}, ids, "not nil")

	_, err = f.source.Lookup(t.Context(), sqltext.Text(`SELECT NULL::text`))
	require.ErrorContains(t, err, "null")
	_, err = f.source.Lookup(t.Context(), sqltext.Text(`SELECT 1`))
	require.ErrorContains(t, err, "text")
}
