package sql_test

import (
	"bufio"
	stdcontext "context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

const runPatients = runPath + "?subjectReference=ViewDefinition/pt"

// rows returns the lines of ndjson as objects.
func rows(t *testing.T, got apitest.Answer) (all []map[string]any) {
	t.Helper()
	require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
	for line := range strings.Lines(got.Text) {
		var row map[string]any
		require.NoError(t, json.Unmarshal([]byte(line), &row), line)
		all = append(all, row)
	}
	return all
}

// ids returns the column id of the rows.
func ids(t *testing.T, got apitest.Answer) []any {
	t.Helper()
	all := []any{}
	for _, row := range rows(t, got) {
		all = append(all, row["id"])
	}
	return all
}

func TestRunFormats(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	const csvRows = "pt-1,female\npt-2,female\npt-3,female\n"
	for format, want := range map[string]struct{ contentType, text string }{
		"&_format=ndjson":           {"application/x-ndjson", `{"id":"pt-1","gender":"female"}` + "\n" + `{"id":"pt-2","gender":"female"}` + "\n" + `{"id":"pt-3","gender":"female"}` + "\n"},
		"&_format=csv":              {"text/csv", "id,gender\n" + csvRows},
		"&_format=csv&header=true":  {"text/csv", "id,gender\n" + csvRows},
		"&_format=csv&header=false": {"text/csv", csvRows},
		"&_format=text/csv":         {"text/csv", "id,gender\n" + csvRows},
	} {
		got := b.Get(t, runPatients+format)
		require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
		require.Equal(t, want.contentType, got.Header.Get("Content-Type"))
		require.Equal(t, want.text, got.Text, format)
		require.Equal(t, []string{"chunked"}, got.TransferEncoding)
		require.Equal(t, "no-store", got.Header.Get("Cache-Control"))
	}

	got := b.Get(t, runPatients+"&_format=json")
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
	require.JSONEq(t, `[{"id":"pt-1","gender":"female"},{"id":"pt-2","gender":"female"},{"id":"pt-3","gender":"female"}]`, got.Text)

	got = b.Get(t, runPatients+"&_format=parquet")
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.Equal(t, "application/vnd.apache.parquet", got.Header.Get("Content-Type"))
	require.True(t, strings.HasPrefix(got.Text, "PAR1") && strings.HasSuffix(got.Text, "PAR1"))

	// The three forms of a subject, over POST.
	for _, form := range []string{reference("pt"), canonical, `{"name":"subjectCanonical","valueCanonical":"https://example.org/pt"}`, inline(patientView)} {
		got := b.Post(t, runPath, apitest.TypeFHIR, apitest.Parameters(form, `{"name":"_format","valueCode":"csv"}`, `{"name":"header","valueBoolean":false}`))
		require.Equal(t, csvRows, got.Text)
	}
	got = b.Get(t, runPath+"?subjectReference="+b.URL+"/fhir/ViewDefinition/pt")
	require.Equal(t, []any{"pt-1", "pt-2", "pt-3"}, ids(t, got))
}

// TestRunAccept: _format takes precedence over Accept, which can ask for an envelope that
// is declined.
func TestRunAccept(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	for _, c := range []struct {
		accept, format string
		want           string // empty: 406
	}{
		{"*/*", "", "application/x-ndjson"},
		{"", "", "application/x-ndjson"},
		{"text/html", "", "application/x-ndjson"},
		{"text/csv", "", "text/csv"},
		{"application/json", "", "application/json"},
		{"application/ndjson", "", "application/x-ndjson"},
		{"application/vnd.apache.parquet", "", "application/vnd.apache.parquet"},
		{"text/csv;q=0.5, application/json", "", "application/json"},
		{"text/csv;q=0, */*", "", "application/x-ndjson"},
		{"application/fhir+json, text/csv;q=0.1", "", "text/csv"},
		{"application/fhir+json, */*", "csv", "text/csv"},
		{"text/csv", "json", "application/json"},
		{"application/json", "csv", "text/csv"},
		{"application/fhir+json", "", ""},
		{"application/fhir+json", "csv", ""},
		{"application/fhir+xml", "ndjson", ""},
		{"application/fhir+json, text/csv;q=0", "csv", ""},
	} {
		target := runPatients
		if c.format != "" {
			target += "&_format=" + c.format
		}
		got := b.Get(t, target, "Accept", c.accept)
		if c.want == "" {
			apitest.RequireRefusal(t, got, http.StatusNotAcceptable, "not-supported", "")
			continue
		}
		require.Equal(t, http.StatusOK, got.StatusCode, "%v: %s", c, got.Text)
		require.Equal(t, c.want, got.Header.Get("Content-Type"), c)
	}
}

func TestRunSelection(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	const observations = runPath + "?subjectReference=ViewDefinition/obs"
	for query, want := range map[string][]any{
		"":                                         {"obs-1", "obs-2", "obs-3"},
		"&_limit=2":                                {"obs-1", "obs-2"},
		"&_limit=0":                                {},
		"&_limit=9":                                {"obs-1", "obs-2", "obs-3"},
		"&patient=Patient/pt-3":                    {"obs-3"},
		"&patient=pt-3&patient=Patient/pt-1":       {"obs-1", "obs-3"},
		"&patient=Patient/pt-3,Patient/pt-1":       {"obs-1", "obs-3"},
		"&group=Group/ward":                        {"obs-1", "obs-2"},
		"&group=ward&group=Group/ward":             {"obs-1", "obs-2"},
		"&group=Group/ward&_limit=1":               {"obs-1"},
		"&group=Group/ward&patient=pt-2":           {"obs-2"},
		"&patient=" + b.URL + "/fhir/Patient/pt-2": {"obs-2"},
		"&_since=2024-01-01T00:00:00Z&patient=Patient/pt-1": {"obs-1"},
	} {
		require.Equal(t, want, ids(t, b.Get(t, observations+query)), query)
	}
	for query, want := range map[string][]any{
		"&_since=2024-01-02T00:00:00Z": {"pt-2", "pt-3"},
		"&_since=2024-01-02T12:00:00Z": {"pt-3"}, // exclusive
		"&group=ward":                  {"pt-1", "pt-2"},
		"&patient=pt-2":                {"pt-2"},
	} {
		require.Equal(t, want, ids(t, b.Get(t, runPatients+query)), query)
	}
	require.Equal(t, "id,gender\n", b.Get(t, runPatients+"&_limit=0&_format=csv").Text)
	require.Equal(t, "[]", strings.TrimSpace(b.Get(t, runPatients+"&_limit=0&_format=json").Text))
	require.Equal(t, map[string]any{"id": "obs-1", "patient": "pt-1", "n": 1.0}, rows(t, b.Get(t, observations+"&_limit=1"))[0])
}

// TestRunLimitStopsReading: with _limit, the rest of the table is not read.
func TestRunLimitStopsReading(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	b.Exec(t, `INSERT INTO patient (id, txid, status, resource) SELECT 'many-' || n, n, 'created', '{}' FROM generate_series(1, 50000) AS n`)
	require.Len(t, rows(t, b.Get(t, runPatients+"&_limit=7")), 7)
	require.Contains(t, b.Get(t, "/metrics").Text, `sluice_run_rows_total{resource_type="Patient"} 7`)
	for _, line := range b.Logs.Audited(t) {
		if line.Action == "run" && line.Outcome == "done" {
			require.Positive(t, line.Resources)
			require.Less(t, line.Resources, 10_000)
			require.Equal(t, []string{"Patient"}, line.Types)
			return
		}
	}
	t.Fatal("there is no audit event")
}

// TestRunDataError: a resource that the view cannot be evaluated on is an OperationOutcome
// if it is among the first, and otherwise cuts the connection.
func TestRunDataError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	view := inline(definition("families", "Patient", "id", "id", "family", "name.where(family != 'Mustermann').family"))
	b.Exec(t, `INSERT INTO patient (id, txid, status, resource) VALUES ('two-names', 9, 'created', '{"name": [{"family": "A"}, {"family": "B"}]}')`)
	for _, format := range []string{"ndjson", "json", "csv", "parquet"} {
		got := b.Post(t, runPath, apitest.TypeFHIR, apitest.Parameters(view, fmt.Sprintf(`{"name":"_format","valueCode":%q}`, format)))
		text := apitest.RequireRefusal(t, got, http.StatusInternalServerError, "exception", "")
		require.Contains(t, text, "Patient/two-names")
		require.Contains(t, text, "column family (name.where(family != 'Mustermann').family)")
		require.Empty(t, got.Header.Get("Content-Disposition"))
	}

	b.Exec(t, `DELETE FROM patient`)
	b.Exec(t, `INSERT INTO patient (id, txid, status, resource) SELECT 'pt-' || n, n, 'created', '{}' FROM generate_series(1, 20000) AS n`)
	b.Exec(t, `INSERT INTO patient (id, txid, status, resource) VALUES ('two-names', 9, 'created', '{"name": [{"family": "A"}, {"family": "B"}]}')`)
	for _, format := range []string{"ndjson", "json", "csv"} {
		request := b.RequestWithBody(t, http.MethodPost, runPath, apitest.Parameters(view, fmt.Sprintf(`{"name":"_format","valueCode":%q}`, format)), "Content-Type", apitest.TypeFHIR)
		got, err := b.Later(t, request)()
		require.Error(t, err, "the last chunk must not arrive")
		require.Equal(t, http.StatusOK, got.StatusCode)
		require.Contains(t, got.Text, "pt-1")
		require.NotContains(t, got.Text, "two-names")
	}
	for line := range strings.Lines(b.Logs.String()) {
		require.NotContains(t, line, "Mustermann", "the log has no text of the request")
		require.NotContains(t, line, `"level":"ERROR"`, "it is no fault of ours")
	}
	require.Contains(t, b.Logs.String(), `Patient/two-names: view families: column family: `)
}

// TestRunIssues: what could not be converted to FHIR is null, and counted for the operator,
// as in $dump.
func TestRunIssues(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Exec(t, `UPDATE patient SET resource = '{"gender": "female", "deceased": 1}' WHERE id = 'pt-2'`)
	b.Exec(t, `UPDATE patient SET resource = '[]' WHERE id = 'pt-3'`)
	view := inline(definition("dead", "Patient", "id", "id", "dead", "deceased.ofType(boolean)"))
	got := b.Post(t, runPath, apitest.TypeFHIR, apitest.Parameters(view))
	require.Equal(t, []map[string]any{{"id": "pt-1", "dead": nil}, {"id": "pt-2", "dead": nil}}, rows(t, got))
	require.Eventually(t, func() bool { return strings.Contains(b.Logs.String(), `"resources":3,"issues":2`) }, apitest.Patience, apitest.Tick)
	require.Contains(t, b.Get(t, "/metrics").Text, `sluice_run_issues_total{resource_type="Patient"} 2`)
}

// TestRunScanError: a scan that the database ends is an OperationOutcome before the first
// byte, and otherwise cuts the connection.
func TestRunScanError(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.Exec(t, `CREATE FUNCTION fail_at(n bigint, bad bigint) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN
		IF n = bad THEN RAISE EXCEPTION 'no'; END IF; RETURN '{}'; END $$`)
	for name, bad := range map[string]int{"Slot": 3, "Schedule": 20_000} {
		b.Exec(t, fmt.Sprintf(`CREATE VIEW %[1]s AS SELECT 'x-' || n AS id, n AS txid, now() AS ts, now() AS cts, '%[1]s' AS resource_type, 'created' AS status, fail_at(n, %[2]d) AS resource
			FROM generate_series(1, 20000::bigint) AS n`, name, bad))
	}
	got := b.Post(t, runPath, apitest.TypeFHIR, apitest.Parameters(inline(definition("slots", "Slot"))))
	require.GreaterOrEqual(t, got.StatusCode, http.StatusInternalServerError)
	require.Len(t, issues(t, got), 1)

	got, err := b.Later(t, b.RequestWithBody(t, http.MethodPost, runPath, apitest.Parameters(inline(definition("schedules", "Schedule"))), "Content-Type", apitest.TypeFHIR))()
	require.Error(t, err, "the last chunk must not arrive")
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.Contains(t, got.Text, "x-1")
}

// slots creates a view of 1001 Slots. Reading the last one waits for the advisory lock 17.
func (b *testBundle) slots(t *testing.T) {
	t.Helper()
	b.Exec(t, `CREATE FUNCTION wait_after(n bigint) RETURNS jsonb LANGUAGE plpgsql AS $$ BEGIN
		IF n > 1000 THEN PERFORM pg_advisory_xact_lock_shared(17); END IF; RETURN '{}'; END $$`)
	b.Exec(t, `CREATE VIEW slot AS SELECT 'slot-' || n AS id, n AS txid, now() AS ts, now() AS cts, 'Slot' AS resource_type, 'created' AS status, wait_after(n) AS resource
		FROM generate_series(1, 1001::bigint) AS n`)
}

// noSlots is a view that has no row of them.
var noSlots = inline(`{"resourceType":"ViewDefinition","resource":"Slot","where":[{"path":"overbooked"}],"select":[{"column":[{"name":"id","path":"id"}]}]}`)

// awaitLock waits until a session waits for a lock.
func (b *testBundle) awaitLock(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		return b.Count(t, `SELECT count(*) FROM pg_locks JOIN pg_stat_activity USING (pid) WHERE NOT granted AND datname = current_database()`) > 0
	}, apitest.Patience, apitest.Tick)
}

// TestRunBeginsWithTheFirstRows: the first rows arrive although the scan has not ended.
func TestRunBeginsWithTheFirstRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	b.slots(t)
	release := b.Hold(t, `SELECT pg_advisory_xact_lock(17)`)
	response, err := b.HTTP.Do(b.RequestWithBody(t, http.MethodPost, runPath, apitest.Parameters(inline(definition("slots", "Slot"))), "Content-Type", apitest.TypeFHIR))
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	lines := bufio.NewReader(response.Body)
	first, err := lines.ReadString('\n')
	require.NoError(t, err)
	require.Contains(t, first, `"slot-1"`)
	release()
	rest, err := io.ReadAll(lines)
	require.NoError(t, err)
	require.Equal(t, 1000, strings.Count(string(rest), "\n"))
}

// TestRunBeginsWithoutRows: the response begins although the scan has found no row.
func TestRunBeginsWithoutRows(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.slots(t)
	for format, want := range map[string]string{"csv": "id\n", "json": "[]", "ndjson": "", "parquet": "PAR1"} {
		release := b.Hold(t, `SELECT pg_advisory_xact_lock(17)`)
		response, err := b.HTTP.Do(b.RequestWithBody(t, http.MethodPost, runPath, apitest.Parameters(noSlots, fmt.Sprintf(`{"name":"_format","valueCode":%q}`, format)), "Content-Type", apitest.TypeFHIR))
		require.NoError(t, err)
		defer func() { _ = response.Body.Close() }()
		require.Equal(t, http.StatusOK, response.StatusCode)
		release()
		rest, err := io.ReadAll(response.Body)
		require.NoError(t, err)
		require.True(t, strings.HasPrefix(string(rest), want), "%s: %q", format, rest)
	}
}

// TestRunOfVanishedClient: a client that disconnects before the first byte is no failure of
// the server.
func TestRunOfVanishedClient(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.slots(t)
	b.Hold(t, `SELECT pg_advisory_xact_lock(17)`)
	ctx, leave := stdcontext.WithCancel(t.Context())
	wait := b.Later(t, b.RequestWithBody(t, http.MethodPost, runPath, apitest.Parameters(noSlots), "Content-Type", apitest.TypeFHIR).WithContext(ctx))
	b.awaitLock(t)
	leave()
	_, err := wait()
	require.Error(t, err)
	ended := func() (lines []apitest.AuditLine) {
		for _, line := range b.Logs.Audited(t) {
			if line.Action == "run" && line.Outcome != "started" {
				lines = append(lines, line)
			}
		}
		return lines
	}
	require.Eventually(t, func() bool { return len(ended()) == 1 }, apitest.Patience, apitest.Tick)
	require.Equal(t, "broken", ended()[0].Outcome)
	require.Equal(t, http.StatusOK, ended()[0].Status)
	require.NotContains(t, b.Logs.String(), `"level":"ERROR"`)
}

// TestRunSharesTheLimitsOfDumps: runs of views count as dumps.
func TestRunSharesTheLimitsOfDumps(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	b.Exec(t, `UPDATE sluice.client SET dumps = 2`)
	require.Equal(t, http.StatusOK, b.Get(t, "/Patient/$dump").StatusCode)
	require.Equal(t, http.StatusNotFound, b.Get(t, runPath+"?subjectReference=ViewDefinition/none").StatusCode) // does not count
	require.Equal(t, http.StatusOK, b.Get(t, runPatients).StatusCode)
	apitest.RequireThrottled(t, b.Get(t, runPatients))
	apitest.RequireThrottled(t, b.Get(t, "/Patient/$dump"))
}
