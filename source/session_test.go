package source_test

import (
	"crypto/rand"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/pgsession"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// oddSettings changes what the sessions of a database have.
const oddSettings = `
	DO $$ DECLARE setting text; BEGIN
		FOREACH setting IN ARRAY ARRAY['client_encoding = LATIN1', 'DateStyle = "SQL, DMY"', 'IntervalStyle = sql_standard',
			'TimeZone = "Asia/Kathmandu"', 'standard_conforming_strings = off', 'bytea_output = escape', 'extra_float_digits = -15',
			'quote_all_identifiers = on', 'gin_fuzzy_search_limit = 1', 'default_transaction_isolation = serializable',
			'search_path = evil, pg_catalog, public'] LOOP
			EXECUTE format('ALTER DATABASE %I SET ', current_database()) || setting;
		END LOOP;
	END $$;`

// Whatever the server, the database, the role or the connection string set, sessions
// have the settings that reading relies on, on pooled and other connections.
func TestSessionSettings(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+oddSettings+`
		INSERT INTO patient (id, txid, resource) VALUES ('Jörg', 1, '{"name": "Jörg €"}');
		CREATE SCHEMA evil;
		CREATE FUNCTION evil.format_type(oid, integer) RETURNS text LANGUAGE sql AS $$SELECT 'evil'$$;
		CREATE VIEW v AS SELECT ''::text AS id, 1::bigint AS txid, now() AS ts, now() AS cts, (
			SELECT jsonb_object_agg(name, current_setting(name)) FROM unnest(ARRAY['client_encoding', 'DateStyle', 'IntervalStyle', 'TimeZone',
				'standard_conforming_strings', 'row_security', 'search_path', 'gin_fuzzy_search_limit', 'default_transaction_isolation']) AS name) AS resource`)
	const want = `{"client_encoding": "UTF8", "DateStyle": "ISO, MDY", "IntervalStyle": "postgres", "TimeZone": "UTC",
		"standard_conforming_strings": "on", "row_security": "off", "search_path": "\"pg_catalog\", \"public\"",
		"gin_fuzzy_search_limit": "0", "default_transaction_isolation": "read committed"}`

	u, err := url.Parse(f.url)
	require.NoError(t, err)
	query := u.Query()
	query.Set("client_encoding", "SQL_ASCII")
	query.Set("datestyle", "German")
	query.Set("TIMEZONE", "Asia/Kathmandu")
	query.Set("options", "-c row_security=on -c search_path=evil -c intervalstyle=iso_8601")
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20")

	for _, address := range []string{f.url, u.String()} {
		f.source = open(t, source.Config{URL: address})
		sn := f.snapshot(t)
		scan := source.Scan{Table: catalog.Table{Type: "V", Schema: "public", Name: "v"}}
		for _, run := range []func(fn func(*source.Row) error) error{
			func(fn func(*source.Row) error) error { return eachRow(f.source.Scan(t.Context(), scan))(fn) },
			func(fn func(*source.Row) error) error { return scanAt(t.Context(), f.source, sn.ID, scan, fn) },
		} {
			require.NoError(t, run(func(row *source.Row) error {
				require.JSONEq(t, want, text(t, row))
				return nil
			}))
		}
		require.NoError(t, eachRow(f.source.Scan(t.Context(), source.Scan{Table: f.table(t, "Patient")}))(func(row *source.Row) error {
			require.Equal(t, "Jörg", string(row.ID))
			require.JSONEq(t, `{"name": "Jörg €"}`, text(t, row))
			return nil
		}))
	}
}

// A database in another encoding is read as UTF-8, or rejected.
func TestEncodings(t *testing.T) {
	t.Parallel()
	for _, encoding := range []string{"LATIN1", "WIN1252", "EUC_JP"} {
		address := sourcetest.DatabaseIn(t, encoding)
		_, err := connect(t, address+"&client_encoding=UTF8").Exec(t.Context(), aidbox("patient")+`INSERT INTO patient (id, txid, resource) VALUES ('a', 1, '{"name": "Jörg"}')`)
		require.NoError(t, err)
		s := open(t, source.Config{URL: address})
		table, err := s.Table(t.Context(), "Patient")
		require.NoError(t, err)
		require.NoError(t, eachRow(s.Scan(t.Context(), source.Scan{Table: table}))(func(row *source.Row) error {
			require.JSONEq(t, `{"name": "Jörg"}`, text(t, row), encoding)
			return nil
		}))
	}

	unknown := open(t, source.Config{URL: sourcetest.DatabaseIn(t, "SQL_ASCII")})
	require.ErrorIs(t, unknown.Ping(t.Context()), pgsession.ErrEncoding)
	_, err := unknown.Table(t.Context(), "Patient")
	require.ErrorIs(t, err, pgsession.ErrEncoding)
}

// A table of which row-level security hides rows from the role cannot be read, as
// with pg_dump, unless that is allowed.
func TestRowSecurity(t *testing.T) {
	t.Parallel()
	f := newFixture(t, aidbox("patient")+aidbox("encounter")+aidbox("observation")+`
		INSERT INTO patient (id, txid, resource) VALUES ('seen', 1, '{}'), ('hidden', 1, '{}');
		INSERT INTO observation (id, txid, resource) VALUES ('o', 1, '{}');
		CREATE TABLE condition (LIKE patient) PARTITION BY LIST (id);
		CREATE TABLE condition_a PARTITION OF condition FOR VALUES IN ('a');
		CREATE VIEW device AS SELECT * FROM patient;
		DO $$ DECLARE name text; BEGIN
			FOREACH name IN ARRAY ARRAY['patient', 'condition', 'observation_history'] LOOP
				EXECUTE format('ALTER TABLE %I ENABLE ROW LEVEL SECURITY, FORCE ROW LEVEL SECURITY', name);
				EXECUTE format($policy$CREATE POLICY p ON %I USING (id = 'seen')$policy$, name);
			END LOOP;
		END $$`)
	role := "sluice_test_" + strings.ToLower(rand.Text())
	f.exec(t, `CREATE ROLE `+role+` LOGIN PASSWORD 'secret'`)
	f.exec(t, `GRANT SELECT ON ALL TABLES IN SCHEMA public TO `+role+`; ALTER VIEW device OWNER TO `+role)
	t.Cleanup(func() { execute(t, f.url, `DROP OWNED BY `+role+`; DROP ROLE `+role) })
	address := as(t, f.url, role)

	strict := open(t, source.Config{URL: address})
	for _, resourceType := range []string{"Patient", "Condition"} {
		_, err := strict.Table(t.Context(), resourceType)
		var unreadable *catalog.UnreadableError
		require.ErrorAs(t, err, &unreadable)
		require.Equal(t, "table "+strings.ToLower(resourceType)+" cannot be read: row-level security hides rows of it from the database role of the server", unreadable.Error())
	}
	_, err := strict.Table(t.Context(), "Encounter")
	require.NoError(t, err)
	_, err = strict.Table(t.Context(), "Device")
	require.True(t, source.IsRowSecurityError(err), "%v", err)
	_, err = strict.Lookup(t.Context(), sqltext.Text(`SELECT id FROM observation_history`))
	require.True(t, source.IsRowSecurityError(err), "%v", err)

	f.source = open(t, source.Config{URL: address, RowSecurity: true})
	require.Equal(t, []string{"seen"}, f.ids(t, source.Scan{Table: f.table(t, "Patient")}))
	require.Equal(t, []string{"seen"}, f.ids(t, source.Scan{Table: f.table(t, "Device")}))
	_, err = f.source.Table(t.Context(), "Condition")
	require.ErrorContains(t, err, "row-level security", "its partitions are read past its policies")

	f.source = open(t, source.Config{URL: f.url})
	require.Len(t, f.ids(t, source.Scan{Table: f.table(t, "Patient")}), 2, "a superuser sees all")
}
