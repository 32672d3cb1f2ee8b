package source_test

import (
	"context"
	"slices"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/form"
	"github.com/seed-90096f4d/sluice/source/jsonb"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// documents fills the table patient with documents of several shapes.
const documents = `INSERT INTO patient (id, txid, resource)
	SELECT 'pt-' || n, n, jsonb_build_object('n', n, 'active', n % 2 = 0, 'big', (n * 1e30)::numeric, 'small', n / 7.0, 'text', repeat(chr(n), n) || E'\u65e5"\\',
		'tags', (SELECT jsonb_agg(i) FROM generate_series(1, n) AS i), 'name', jsonb_build_array(jsonb_build_object('given', '[]'::jsonb, 'none', NULL)))
	FROM generate_series(1, 100) AS n;`

// decisions are those that a Source reports.
type decisions struct {
	mu  sync.Mutex
	all []form.Decision
}

func (d *decisions) add(decision form.Decision) {
	d.mu.Lock()
	defer d.mu.Unlock()
	d.all = append(d.all, decision)
}

// texts returns the texts of rows by their ids, and in which forms they were read.
func texts(t *testing.T, rows *source.Rows, err error) (texts map[string]string, stored []bool) {
	t.Helper()
	texts = map[string]string{}
	require.NoError(t, eachRow(rows, err)(func(row *source.Row) error {
		text, err := row.AppendText(nil)
		texts[string(row.ID)] = string(text)
		if !slices.Contains(stored, row.Stored) {
			stored = append(stored, row.Stored)
		}
		return err
	}))
	return texts, stored
}

// Every way to read rows returns the same text in both forms.
func TestForms(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+documents)
	sourcetest.CreateCast(t, f.url)
	snapshot := f.snapshot(t)
	table := f.table(t, "Patient")
	odd := sqltext.Condition{Where: sqltext.Text(`r.resource @> '{"active": false}'`)}
	relation := catalog.Relation{Type: "Patient", Schema: "public", Name: "patient", HasCreated: true}

	for name, read := range map[string]func(t *testing.T, s *source.Source) (map[string]string, []bool){
		"Scan": func(t *testing.T, s *source.Source) (map[string]string, []bool) {
			rows, err := s.Scan(t.Context(), source.Scan{Table: table})
			return texts(t, rows, err)
		},
		"Condition": func(t *testing.T, s *source.Source) (map[string]string, []bool) {
			rows, err := s.Scan(t.Context(), source.Scan{Table: table, Condition: odd, OmitMembers: []string{"text", "tags"}})
			return texts(t, rows, err)
		},
		"Page": func(t *testing.T, s *source.Source) (map[string]string, []bool) {
			rows, err := s.Page(t.Context(), source.Scan{Table: table, Condition: odd}, "pt-3", 10)
			return texts(t, rows, err)
		},
		"Reader": func(t *testing.T, s *source.Source) (map[string]string, []bool) {
			reader, err := s.OpenReader(t.Context(), snapshot.ID)
			require.NoError(t, err)
			defer reader.Close(context.Background())
			rows, err := reader.Scan(t.Context(), source.Scan{Table: table, Condition: odd})
			return texts(t, rows, err)
		},
		"Fetcher": func(t *testing.T, s *source.Source) (map[string]string, []bool) {
			texts, stored, err := fetch(t, s, snapshot.ID, relation)
			require.NoError(t, err)
			return texts, stored
		},
	} {
		t.Run(name, func(t *testing.T) {
			want, stored := read(t, open(t, source.Config{URL: f.url, JSONB: form.Text}))
			require.Equal(t, []bool{false}, stored)
			got, stored := read(t, open(t, source.Config{URL: f.url}))
			require.Equal(t, []bool{true}, stored)
			require.NotEmpty(t, want)
			require.Equal(t, want, got)
		})
	}
}

// fetch is texts for the rows of a relation, which are read by their addresses.
func fetch(t *testing.T, s *source.Source, snapshotID string, relation catalog.Relation) (texts map[string]string, stored []bool, err error) {
	t.Helper()
	reader, err := s.OpenReader(t.Context(), snapshotID)
	require.NoError(t, err)
	defer reader.Close(context.Background())
	fetcher, err := reader.NewFetcher(t.Context(), []catalog.Relation{relation})
	require.NoError(t, err)
	var addresses []source.RowAddress
	keyed := source.KeyScan{MaxKeys: 1, Relations: []source.KeyedRelation{{Relation: relation, References: sqltext.Text(`'[]'`)}}}
	require.NoError(t, reader.ScanKeys(t.Context(), keyed, func(row *source.KeyedRow) error {
		addresses = append(addresses, source.RowAddress{TID: row.TID})
		return nil
	}))
	texts = map[string]string{}
	err = fetcher.Fetch(t.Context(), addresses, func(_ int, row *source.Row) error {
		text, err := row.AppendText(nil)
		texts[string(row.ID)] = string(text)
		if !slices.Contains(stored, row.Stored) {
			stored = append(stored, row.Stored)
		}
		return err
	})
	return texts, stored, err
}

// Several readers of one table read the stored form, too.
func TestStoredFormInParallel(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+manyRows)
	sourcetest.CreateCast(t, f.url)
	s := open(t, source.Config{URL: f.url, Spares: 2, BytesPerReader: 1 << 20})
	scan, err := s.ParallelScan(t.Context(), source.Scan{Table: f.table(t, "Patient")})
	require.NoError(t, err)
	defer scan.Close()
	require.Greater(t, len(scan.Rows()), 1)
	count := 0
	for _, rows := range scan.Rows() {
		for rows.Next() {
			require.True(t, rows.Row().Stored)
			count++
		}
		require.NoError(t, rows.Err())
	}
	require.Equal(t, 5000, count)
}

// Without the stored form, Auto reads text and says why, and Stored fails.
func TestStoredFormUnavailable(t *testing.T) {
	t.Parallel()
	for name, unavailable := range map[string]struct {
		encoding, setup, reason string
	}{
		"NoCast":   {"UTF8", `DROP CAST IF EXISTS (jsonb AS bytea)`, "the source database has no cast from jsonb to bytea"},
		"Encoding": {"LATIN1", `CREATE CAST (jsonb AS bytea) WITHOUT FUNCTION`, "the encoding of the source database must be UTF8, got LATIN1"},
		"Converting": {"UTF8", `DROP CAST IF EXISTS (jsonb AS bytea);
			CREATE FUNCTION reversed(jsonb) RETURNS bytea LANGUAGE sql AS $$ SELECT convert_to(reverse($1::text), 'UTF8') $$;
			CREATE CAST (jsonb AS bytea) WITH FUNCTION reversed(jsonb)`, "the source database has no cast from jsonb to bytea"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			databaseURL := sourcetest.DatabaseIn(t, unavailable.encoding)
			for _, sql := range []string{aidbox("patient"), `INSERT INTO patient (id, txid, resource) VALUES (E'\u00e9', 1, E'{"name": "\u00e9"}')`, unavailable.setup} {
				execute(t, databaseURL, sql)
			}
			var reported decisions
			s := open(t, source.Config{URL: databaseURL, ReportForm: reported.add})
			require.NoError(t, s.Ping(t.Context()))
			require.NoError(t, s.Ping(t.Context()))
			require.Len(t, reported.all, 1)
			require.Contains(t, reported.all[0].Reason, unavailable.reason)
			require.Equal(t, "text", s.Form().String())

			table, err := s.Table(t.Context(), "Patient")
			require.NoError(t, err)
			rows, err := s.Scan(t.Context(), source.Scan{Table: table})
			read, stored := texts(t, rows, err)
			require.Equal(t, []bool{false}, stored)
			require.Equal(t, map[string]string{"é": `{"name": "é"}`}, read)

			strict := open(t, source.Config{URL: databaseURL, JSONB: form.Stored})
			err = strict.Ping(t.Context())
			require.ErrorIs(t, err, source.ErrFormUnavailable)
			require.ErrorContains(t, err, unavailable.reason)
			err = eachRow(strict.Scan(t.Context(), source.Scan{Table: table}))(nil)
			require.ErrorIs(t, err, source.ErrFormUnavailable)
			require.False(t, source.IsPermanent(err))
		})
	}
}

// When the cast is dropped, scans fail once and then read text, in a transaction as
// well. A new cast is found by Ping.
func TestCastDropped(t *testing.T) {
	t.Parallel()
	for name, mode := range map[string]form.Mode{"Auto": form.Auto, "Stored": form.Stored} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, aidbox("patient")+manyRows)
			sourcetest.CreateCast(t, f.url)
			var reported decisions
			s := open(t, source.Config{URL: f.url, JSONB: mode, ReportForm: reported.add})
			scan := source.Scan{Table: f.table(t, "Patient")}
			snapshot := f.snapshot(t)
			reader, err := s.OpenReader(t.Context(), snapshot.ID)
			require.NoError(t, err)
			defer reader.Close(context.Background())
			running, err := s.Scan(t.Context(), scan)
			require.NoError(t, err)
			defer running.Close()
			require.True(t, running.Next())

			f.exec(t, `DROP CAST (jsonb AS bytea)`)
			count := 1
			for running.Next() {
				count++
			}
			require.NoError(t, running.Err(), "the server has planned it")
			require.Equal(t, 5000, count)

			err = eachRow(reader.Scan(t.Context(), scan))(nil)
			require.ErrorIs(t, err, source.ErrFormChanged)
			require.False(t, source.IsPermanent(err))
			read := func() error {
				return scanAt(t.Context(), s, snapshot.ID, scan, func(row *source.Row) error {
					require.False(t, row.Stored)
					return nil
				})
			}
			if mode == form.Stored {
				require.ErrorIs(t, read(), source.ErrFormUnavailable)
				require.ErrorIs(t, s.Ping(t.Context()), source.ErrFormUnavailable)
			} else {
				require.NoError(t, read())
				require.NoError(t, s.Ping(t.Context()))
			}

			sourcetest.CreateCast(t, f.url)
			require.NoError(t, s.Ping(t.Context()))
			require.NoError(t, scanAt(t.Context(), s, snapshot.ID, scan, func(row *source.Row) error {
				require.True(t, row.Stored)
				return nil
			}))
			forms := make([]string, len(reported.all))
			for i, decision := range reported.all {
				forms[i] = decision.String()
			}
			require.Equal(t, []string{"stored", "text", "stored"}, forms)
		})
	}
}

// Rows that are read by their addresses are read as text after a retry, too.
func TestCastDroppedFetch(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+documents)
	sourcetest.CreateCast(t, f.url)
	snapshot := f.snapshot(t)
	relation := catalog.Relation{Type: "Patient", Schema: "public", Name: "patient", HasCreated: true}
	require.NoError(t, f.source.Ping(t.Context()))
	f.exec(t, `DROP CAST (jsonb AS bytea)`)
	_, _, err := fetch(t, f.source, snapshot.ID, relation)
	require.ErrorIs(t, err, source.ErrFormChanged)
	read, stored, err := fetch(t, f.source, snapshot.ID, relation)
	require.NoError(t, err)
	require.Equal(t, []bool{false}, stored)
	require.Len(t, read, 100)
}

// The error of another cast that does not exist, here in a condition, is permanent.
func TestOtherCastMissing(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+documents)
	sourcetest.CreateCast(t, f.url)
	scan := source.Scan{Table: f.table(t, "Patient"), Condition: sqltext.Condition{Where: sqltext.Text(`'é' = 'é' AND r.resource::date IS NULL`)}}
	err := eachRow(f.source.Scan(t.Context(), scan))(nil)
	require.ErrorContains(t, err, "42846")
	require.NotErrorIs(t, err, source.ErrFormChanged)
	require.True(t, source.IsPermanent(err))
	require.True(t, f.source.Form().Stored)
}

// A malformed row is named, and nothing of its content. Only a superuser can make one.
func TestMalformedRow(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+`ALTER TABLE patient SET (autovacuum_enabled = off); CREATE CAST (bytea AS jsonb) WITHOUT FUNCTION;
		INSERT INTO patient (id, txid, resource) VALUES ('pt-1', 1, '{}'), ('pt-2', 2, '\x0100002073656372657400'::bytea::jsonb), ('pt-3', 3, '{}')`)
	sourcetest.CreateCast(t, f.url)
	print := func(row *source.Row) error {
		_, err := row.AppendText(nil)
		return err
	}
	snapshot := f.snapshot(t)
	_, _, fetching := fetch(t, f.source, snapshot.ID, catalog.Relation{Type: "Patient", Schema: "public", Name: "patient", HasCreated: true})
	for name, err := range map[string]error{
		"Scan":    eachRow(f.source.Scan(t.Context(), source.Scan{Table: f.table(t, "Patient")}))(print),
		"Fetcher": fetching,
	} {
		t.Run(name, func(t *testing.T) {
			var malformed *source.MalformedError
			require.ErrorAs(t, err, &malformed)
			require.Equal(t, source.MalformedError{Table: `"public"."patient"`, ID: "pt-2", Err: malformed.Err}, *malformed)
			require.ErrorIs(t, err, jsonb.ErrMalformed)
			require.NotContains(t, err.Error(), "secret")
			require.True(t, source.IsPermanent(err))
		})
	}
}
