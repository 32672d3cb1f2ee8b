package source_test

import (
	"context"
	"fmt"
	"slices"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// owners are visits of owners, each row under the keys of its array.
const owners = `
	CREATE TABLE owner (id text, txid integer, ts timestamptz, cts timestamptz, resource jsonb);
	CREATE TABLE visit (id text, txid bigint, ts timestamptz, resource jsonb) PARTITION BY LIST (txid);
	CREATE TABLE visit_1 PARTITION OF visit FOR VALUES IN (1);
	CREATE TABLE visit_2 PARTITION OF visit FOR VALUES IN (2);
	INSERT INTO owner VALUES ('b', 1, now(), now(), '{}'), ('a', 1, now(), now(), '{"of": [{"id": "b"}]}');
	INSERT INTO visit VALUES
		('v1', 1, '2024-01-01Z', '{"of": [{"id": "b"}, {"id": "a"}, {"id": "b"}]}'),
		('v2', 2, '2024-01-02Z', '{"of": [{"id": "a"}]}'),
		('v3', 2, '2024-01-03Z', '{"of": [{"id": "Z"}, {"no": 1}, {"id": null}, 7]}'),
		('v4', 1, '2024-01-04Z', '{"of": []}'),
		('v5', 1, '2024-01-05Z', '{"of": [{"id": "a"}, {"id": "b"}, {"id": "c"}, {"id": "d"}]}'),
		('v6', 1, '2024-01-05Z', '{"of": [{"id": "Z"}, {"id": "Z"}, {"id": "Z"}, {"id": "Z"}]}');`

// keyed asks for the visits and the owners, who come first under their own ids.
func (f fixture) keyed(t *testing.T, scan source.Scan) source.KeyScan {
	t.Helper()
	visits, err := f.table(t, "Visit").Relations()
	require.NoError(t, err)
	own, err := f.table(t, "Owner").Relations()
	require.NoError(t, err)
	keyed := source.KeyScan{MaxKeys: 3}
	for _, relation := range visits {
		keyed.Relations = append(keyed.Relations, source.KeyedRelation{Relation: relation, Scan: scan, References: sqltext.Text(`r.resource -> 'of'`)})
	}
	for _, relation := range own {
		keyed.Relations = append(keyed.Relations, source.KeyedRelation{
			Relation:   relation,
			References: sqltext.Text(`coalesce(r.resource -> 'of', '[]') || jsonb_build_array(jsonb_build_object('id', r.id))`),
			First:      sqltext.Text(`k.id = k.key`),
		})
	}
	return keyed
}

// blocks reads what belongs to each key as the snapshot shows it: a line a key,
// then what has none.
func (f fixture) blocks(t *testing.T, snapshot string, keyed source.KeyScan) []string {
	t.Helper()
	reader, err := f.source.OpenReader(t.Context(), snapshot)
	require.NoError(t, err)
	defer reader.Close(t.Context())

	var keys []string
	var places []source.RowAddress
	var loose []string
	err = reader.ScanKeys(t.Context(), keyed, func(row *source.KeyedRow) error {
		require.Positive(t, row.Bytes)
		if row.Key == nil {
			loose = append(loose, fmt.Sprintf("%s has %d", row.ID, row.Keys))
			return nil
		}
		keys = append(keys, string(row.Key))
		places = append(places, source.RowAddress{Relation: row.Relation, TID: row.TID})
		return nil
	})
	require.NoError(t, err)

	var relations []catalog.Relation
	for _, k := range keyed.Relations {
		relations = append(relations, k.Relation)
	}
	fetcher, err := reader.NewFetcher(t.Context(), relations)
	require.NoError(t, err)
	var lines []string
	before := ""
	err = fetcher.Fetch(t.Context(), places, func(n int, row *source.Row) error {
		if n == 0 || keys[n] != before {
			lines = append(lines, keys[n]+":")
		}
		before = keys[n]
		lines[len(lines)-1] += " " + string(row.ID)
		return nil
	})
	require.NoError(t, err)
	slices.Sort(loose)
	return append(lines, loose...)
}

// wantedKeys selects the keys of an array.
func wantedKeys(keys string) sqltext.Fragment {
	return sqltext.New(`SELECT unnest({keys}) AS key`, sqltext.Values{"keys": sqltext.Arg(keys, "text[]")})
}

// notThese leaves out the rows with these ids.
func notThese(a, b string) sqltext.Condition {
	return sqltext.Condition{Where: sqltext.New(`r.id <> {a} AND r.id <> {b}`, sqltext.Values{
		"a": sqltext.Arg(a, "text"), "b": sqltext.Arg(b, "text"),
	})}
}

func TestKeyed(t *testing.T) {
	t.Parallel()
	f := newFixture(t, owners)
	snapshot := f.snapshot(t).ID
	f.exec(t, `DELETE FROM owner; UPDATE visit SET resource = '{"of": [{"id": "new"}]}'; INSERT INTO owner VALUES ('new', 1, now(), now(), '{}')`)
	all := f.keyed(t, source.Scan{})

	require.Equal(t, []string{"Z: v6 v3", "a: a v1 v2", "b: b v1 a", "v4 has 0", "v5 has 4"}, f.blocks(t, snapshot, all))

	onlyKeyed := all
	onlyKeyed.OnlyKeyed = true
	require.Equal(t, []string{"Z: v6 v3", "a: a v1 v2", "b: b v1 a", "v5 has 4"}, f.blocks(t, snapshot, onlyKeyed))

	wanted := all
	wanted.Keys = wantedKeys(`{b,c,nobody}`)
	require.Equal(t, []string{"b: b v1 a", "v5 has 4"}, f.blocks(t, snapshot, wanted))
	wanted.Keys = wantedKeys(`{e}`)
	require.Empty(t, f.blocks(t, snapshot, wanted), "no word of who is not wanted")

	some := f.keyed(t, source.Scan{
		ChangedAfter: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
		Condition:    notThese("v4", "v5"),
	})
	require.Equal(t, []string{"Z: v6 v3", "a: a v2", "b: b a"}, f.blocks(t, snapshot, some))
	some.Keys = wantedKeys(`{a}`)
	require.Equal(t, []string{"a: a v2"}, f.blocks(t, snapshot, some), "the arguments of both")
}

// Keys can be found for all rows together, among those that the scan looks at.
func TestKeyedByID(t *testing.T) {
	t.Parallel()
	f := newFixture(t, owners)
	snapshot := f.snapshot(t).ID
	scan := source.Scan{
		ChangedAfter: time.Date(2024, 1, 1, 0, 0, 0, 0, time.UTC),
		Condition:    notThese("nothing", "v6"),
	}
	keyed := f.keyed(t, scan)
	for i, k := range keyed.Relations {
		if k.Relation.Type == "Visit" {
			keyed.Relations[i].References = sqltext.Fragment{}
			keyed.Relations[i].Keys = sqltext.New(
				`SELECT v.id, k.key FROM {rows} AS v CROSS JOIN unnest({keys}) AS k(key) WHERE v.id = ANY ({ids})
					UNION ALL SELECT 'v2', 'c' UNION ALL SELECT 'v2', 'c' FROM {rows} AS v WHERE v.id = 'v3'
					UNION ALL SELECT 'v4', 'd' FROM {rows} AS v WHERE v.id = 'v1'`,
				sqltext.Values{"keys": sqltext.Arg(`{a,b}`, "text[]"), "ids": sqltext.Arg(`{v1,v3,v6}`, "text[]")},
			)
		}
	}
	require.Equal(t, []string{"a: a v3", "b: b v3 a", "c: v2", "v4 has 0", "v5 has 0"}, f.blocks(t, snapshot, keyed))
	keyed.Keys = wantedKeys(`{a,c}`)
	require.Equal(t, []string{"a: a v3", "c: v2"}, f.blocks(t, snapshot, keyed), "the arguments of all")
	keyed.MaxKeys = 1
	require.Equal(t, []string{"c: v2", "a has 2", "v3 has 2"}, f.blocks(t, snapshot, keyed))
}

// A row of very many keys costs as much as they are, and not that for each key that
// is wanted: it would not come to an end.
func TestKeyedOfManyAndManyKeys(t *testing.T) {
	t.Parallel()
	f := newFixture(t, owners+`
		INSERT INTO visit SELECT 'wide', 1, now(), jsonb_build_object('of', jsonb_agg(jsonb_build_object('id', 'o' || n))) FROM generate_series(1, 20000) AS n;
		ANALYZE`)
	keyed := f.keyed(t, source.Scan{})
	keyed.Keys = sqltext.Join([]sqltext.Fragment{
		sqltext.Text(`SELECT 'w' || n AS key FROM generate_series(1, 300000) AS n`), wantedKeys(`{b}`),
	}, " UNION ALL ")
	reader, err := f.source.OpenReader(t.Context(), f.snapshot(t).ID)
	require.NoError(t, err)
	defer reader.Close(t.Context())

	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	var found []string
	err = reader.ScanKeys(ctx, keyed, func(row *source.KeyedRow) error {
		found = append(found, fmt.Sprintf("%s%s", row.Key, row.ID))
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, []string{"b", "b", "b", "v5"}, found, "the wide row is of nobody who is wanted")
}

// A name may look like a placeholder, or like a hole of a template.
func TestKeyedOfDollars(t *testing.T) {
	t.Parallel()
	f := newFixture(t, owners+`ALTER TABLE visit_1 RENAME TO "visit_""$1{rows}"`)
	some := f.keyed(t, source.Scan{
		Condition: sqltext.Condition{Where: sqltext.New(`r.id <> {id} AND r.id <> '$1' AND r.id IN (SELECT t.id FROM {rows} AS t)`, sqltext.Values{"id": sqltext.Arg("v5", "text")})},
	})
	some.Keys = wantedKeys(`{a}`)
	require.Equal(t, []string{"a: a v1 v2"}, f.blocks(t, f.snapshot(t).ID, some))
}

func TestKeyedOfNothing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, owners+`DELETE FROM visit; DELETE FROM owner`)
	require.Empty(t, f.blocks(t, f.snapshot(t).ID, f.keyed(t, source.Scan{})))
	require.Empty(t, f.blocks(t, f.snapshot(t).ID, source.KeyScan{}))
}

// Rows come in the order in which they are asked for, however many there are and
// whatever the server thinks of that, and one may come often.
func TestFetchInOrder(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+manyRows+`; CREATE TABLE visit (LIKE patient INCLUDING ALL); ANALYZE;`)
	sn := f.snapshot(t)
	reader, err := f.source.OpenReader(t.Context(), sn.ID)
	require.NoError(t, err)
	defer reader.Close(t.Context())
	var relations []catalog.Relation
	for _, resourceType := range []string{"Visit", "Patient"} {
		of, err := f.table(t, resourceType).Relations()
		require.NoError(t, err)
		relations = append(relations, of...)
	}
	var places []source.RowAddress
	var ids []string
	keyed := source.KeyScan{MaxKeys: 1, Relations: []source.KeyedRelation{
		{Relation: relations[0], References: sqltext.Text(`'[]'`)},
		{Relation: relations[1], References: sqltext.Text(`jsonb_build_array(jsonb_build_object('id', md5(r.id) || r.id))`)},
	}}
	err = reader.ScanKeys(t.Context(), keyed, func(row *source.KeyedRow) error {
		places = append(places, source.RowAddress{Relation: row.Relation, TID: row.TID})
		ids = append(ids, string(row.Key[32:]))
		return nil
	})
	require.NoError(t, err)
	require.Len(t, places, 5000)
	for range 2 {
		places, ids = append(places, places...), append(ids, ids...)
	}

	fetcher, err := reader.NewFetcher(t.Context(), relations)
	require.NoError(t, err)
	var got []string
	err = fetcher.Fetch(t.Context(), places, func(n int, row *source.Row) error {
		require.Equal(t, len(got), n)
		got = append(got, string(row.ID))
		return nil
	})
	require.NoError(t, err)
	require.Equal(t, ids, got)

	require.NoError(t, fetcher.Fetch(t.Context(), nil, nil))
	gone := append(slices.Clone(places[:3]), source.RowAddress{Relation: 1, TID: source.TID{Page: 1e6, Offset: 1}})
	require.ErrorContains(t, fetcher.Fetch(t.Context(), gone, func(int, *source.Row) error { return nil }), "not at the address that it has in the snapshot")
	require.ErrorContains(t, fetcher.Fetch(t.Context(), append(gone, places[0]), func(int, *source.Row) error { return nil }), "not at the address that it has in the snapshot")
}

// A table that can't be read by addresses, or as a FHIR table, says so.
func TestKeyedRefuses(t *testing.T) {
	t.Parallel()
	_, err := catalog.Table{Type: "Visit", Members: []catalog.Member{{Name: "visit", Unsplit: true}}}.Relations()
	require.ErrorIs(t, err, catalog.ErrNoAddresses)

	f := newFixture(t, owners)
	keyed := f.keyed(t, source.Scan{})
	f.exec(t, `ALTER TABLE owner ALTER ts TYPE timestamp`)
	sn := f.snapshot(t)
	reader, err := f.source.OpenReader(t.Context(), sn.ID)
	require.NoError(t, err)
	var column *catalog.ColumnError
	require.ErrorAs(t, reader.ScanKeys(t.Context(), keyed, nil), &column)
	require.Equal(t, "ts", column.Column)
	reader.Close(t.Context())

	f.exec(t, `TRUNCATE visit`)
	reader, err = f.source.OpenReader(t.Context(), sn.ID)
	require.NoError(t, err)
	defer reader.Close(t.Context())
	_, err = reader.NewFetcher(t.Context(), []catalog.Relation{keyed.Relations[0].Relation})
	require.ErrorIs(t, err, catalog.ErrRewritten)
}
