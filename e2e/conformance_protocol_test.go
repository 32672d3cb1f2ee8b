package e2e

import (
	"encoding/base64"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"strings"
	"testing"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
)

func readFile(t *testing.T, name string) string {
	t.Helper()
	text, err := os.ReadFile(name)
	require.NoError(t, err)
	return string(text)
}

// basic returns the header Authorization of a client.
func basic(clientID string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(clientID+":swordfish"))
}

// idle starts a command on a database of its own after running the SQL. Without a worker,
// exports stay accepted.
func idle(t *testing.T, command, sql string, flags ...string) *conformance {
	t.Helper()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.addClient()
	db, err := pgx.Connect(t.Context(), j.database)
	require.NoError(t, err)
	_, err = db.Exec(t.Context(), sql)
	require.NoError(t, err)
	require.NoError(t, db.Close(t.Context()))
	c := &conformance{journey: j, transport: newTransport(t)}
	c.base, _ = j.start(command, flags...)
	return c
}

func checkCapabilities(t *testing.T, c *conformance) {
	got := c.get(t, c.base+"/fhir/metadata", "Authorization", "none")
	require.Equal(t, http.StatusOK, got.status)
	for _, part := range []string{
		`"resourceType":"CapabilityStatement"`, `"fhirVersion":"4.0.1"`,
		`"instantiates":["http://hl7.org/fhir/uv/bulkdata/CapabilityStatement/bulk-data"]`,
		"http://hl7.org/fhir/uv/bulkdata/OperationDefinition/export",
		"http://hl7.org/fhir/uv/bulkdata/OperationDefinition/patient-export",
		"http://hl7.org/fhir/uv/bulkdata/OperationDefinition/group-export",
		"http://hl7.org/fhir/uv/bulkdata/Extension/operation-not-supported",
		`"type":"Observation"`, `"definition":"http://hl7.org/fhir/SearchParameter/clinical-code"`,
	} {
		require.Contains(t, got.body, part)
	}
}

// checkFailed exports a resource without an id, which fails.
func checkFailed(t *testing.T, _ *conformance) {
	c := idle(t, "serve", `CREATE TABLE slot (id text, txid bigint, ts timestamptz, resource jsonb); INSERT INTO slot VALUES (NULL, 1, now(), '{}')`)
	for _, prefer := range []string{"respond-async", "separate-export-status"} {
		accepted := c.get(t, c.base+"/fhir/$export?_type=Slot", "Prefer", prefer)
		got := awaitEnd(t, accepted.header.Get("Content-Location"), func(location string) answer { return c.get(t, location) })
		if prefer == "respond-async" {
			requireOutcome(t, got, http.StatusInternalServerError)
			continue
		}
		requireOutcome(t, got, http.StatusOK)
		require.Equal(t, "500 Internal Server Error", got.header.Get("X-Export-Status"))
	}
}

// checkFiles downloads presigned and proxied files.
func checkFiles(t *testing.T, c *conformance) {
	links, _ := c.export(t, c.base+"/fhir/$export?_type=Patient")
	require.False(t, *links.RequiresAccessToken)
	own, _ := c.export(t, c.guarded+"/fhir/$export?_type=Patient")
	require.True(t, *own.RequiresAccessToken)
	require.Len(t, c.lines(t, links.Output), 2, "without credentials")
	require.Len(t, c.lines(t, own.Output, "Authorization", basic("a")), 2)

	got := c.get(t, links.Output[0].URL, "Authorization", "none")
	require.Equal(t, "application/fhir+ndjson", got.header.Get("Content-Type"))
	require.Equal(t, "gzip", got.header.Get("Content-Encoding"))
	plain := c.get(t, own.Output[0].URL)
	require.Equal(t, "application/fhir+ndjson", plain.header.Get("Content-Type"))
	require.Empty(t, plain.header.Get("Content-Encoding"))
	for line := range strings.Lines(plain.body) {
		require.True(t, json.Valid([]byte(line)))
	}
	requireOutcome(t, c.get(t, own.Output[0].URL+"x"), http.StatusNotFound)
	broken := strings.Replace(links.Output[0].URL, "X-Amz-Signature=", "X-Amz-Signature=0", 1)
	require.Equal(t, http.StatusForbidden, c.get(t, broken, "Authorization", "none").status)
}

func checkManifest(t *testing.T, c *conformance) {
	manifest, completed := c.export(t, c.base+"/fhir/$export?_type=Patient,Observation")
	require.Equal(t, "application/json", completed.header.Get("Content-Type"))
	require.NotEmpty(t, completed.header.Get("Expires"))
	require.NotNil(t, manifest.Error)
	require.Empty(t, manifest.Error)
	require.Nil(t, manifest.Deleted)
	require.Len(t, manifest.Output, 2)
	for _, file := range manifest.Output {
		require.Regexp(t, `^https?://`, file.URL)
		require.NotEmpty(t, file.Extension["sha256"])
		require.Greater(t, file.Extension["maxLineBytes"], 66000.0)
		lines := c.lines(t, []bulkFile{file})
		require.Len(t, lines, *file.Count)
		for _, line := range lines {
			require.Contains(t, line, fmt.Sprintf(`"resourceType":"%s"`, file.Type))
		}
	}
}

// checkPages follows the pages of a manifest.
func checkPages(t *testing.T, c *conformance) {
	const kickOff = "/fhir/$export?_type=Observation,Patient,Group&allowPartialManifests=true"
	page, _ := c.export(t, c.base+kickOff+"&unknown=1", "Prefer", "handling=lenient")
	ids, outcomes := c.ids(t, page), len(page.Error)
	for pages := 1; len(page.Link) > 0; pages++ {
		require.Less(t, pages, 10)
		require.Equal(t, "next", page.Link[0].Relation)
		var next bulkManifest
		require.NoError(t, json.Unmarshal([]byte(c.get(t, page.Link[0].URL).body), &next))
		require.Equal(t, page.TransactionTime, next.TransactionTime)
		require.Equal(t, page.Request, next.Request)
		page, ids, outcomes = next, append(ids, c.ids(t, next)...), outcomes+len(next.Error)
	}
	require.ElementsMatch(t, []string{"Group/g1", "Observation/o1", "Observation/o2", "Observation/o3", "Patient/p1", "Patient/p2"}, ids)
	require.Equal(t, 1, outcomes)
}

func checkPost(t *testing.T, c *conformance) {
	const body = `{"resourceType":"Parameters","parameter":[{"name":"_type","valueString":"Patient"},{"name":"_typeFilter","valueString":"Patient?gender=female"}]}`
	manifest, _ := c.await(t, c.send(t, http.MethodPost, c.base+"/fhir/$export", body, "Content-Type", "application/fhir+json"))
	require.Equal(t, []string{"Patient/p2"}, c.ids(t, manifest))
	require.Equal(t, c.base+"/fhir/$export", manifest.Request)
	manifest, _ = c.export(t, c.base+"/fhir/$export?_type=Patient")
	require.Equal(t, c.base+"/fhir/$export?_type=Patient", manifest.Request)
}

func checkRunning(t *testing.T, _ *conformance) {
	c := idle(t, "api", "")
	got := c.get(t, c.get(t, c.base+"/fhir/$export").header.Get("Content-Location"))
	require.Equal(t, http.StatusAccepted, got.status)
	require.Equal(t, "0%", got.header.Get("X-Progress"))
	require.NotEmpty(t, got.header.Get("Retry-After"))
}

func checkScopes(t *testing.T, c *conformance) {
	requireOutcome(t, c.get(t, c.base+"/fhir/$export?_type=Observation", "Authorization", basic("narrow")), http.StatusForbidden)
	accepted := c.get(t, c.base+"/fhir/$export", "Authorization", basic("narrow"))
	require.Equal(t, http.StatusAccepted, accepted.status)
	got := awaitEnd(t, accepted.header.Get("Content-Location"), func(location string) answer {
		return c.get(t, location, "Authorization", basic("narrow"))
	})
	require.Equal(t, http.StatusOK, got.status, got.body)
	var manifest bulkManifest
	require.NoError(t, json.Unmarshal([]byte(got.body), &manifest))
	require.ElementsMatch(t, []string{"Patient/p1", "Patient/p2"}, c.ids(t, manifest))
}

func checkSeparateStatus(t *testing.T, c *conformance) {
	accepted := c.get(t, c.base+"/fhir/$export?_type=Patient", "Prefer", "respond-async, separate-export-status")
	require.Equal(t, "respond-async, separate-export-status", accepted.header.Get("Preference-Applied"))
	_, completed := c.await(t, accepted)
	require.Equal(t, "200 OK", completed.header.Get("X-Export-Status"))

	still := idle(t, "api", "")
	accepted = still.get(t, still.base+"/fhir/$export", "Prefer", "separate-export-status")
	running := still.get(t, accepted.header.Get("Content-Location"))
	require.Equal(t, http.StatusOK, running.status)
	require.Equal(t, "202 Accepted", running.header.Get("X-Export-Status"))
}

func checkSeveral(t *testing.T, c *conformance) {
	manifest, _ := c.export(t, c.base+"/fhir/$export?_type=Observation"+maximumFileSize)
	require.Len(t, manifest.Output, 3, "one resource per file")
	require.Len(t, c.ids(t, manifest), 3)
	requireOutcome(t, c.get(t, c.base+"/fhir/$export?_maximumFileSize=0"), http.StatusBadRequest)
	requireOutcome(t, c.get(t, c.base+"/fhir/$export?_maximumFileSize=1"), http.StatusBadRequest)
}

func checkTooMany(t *testing.T, _ *conformance) {
	c := idle(t, "api", "", "--max-exports-per-client=1")
	require.Equal(t, http.StatusAccepted, c.get(t, c.base+"/fhir/$export").status)
	got := c.get(t, c.base+"/fhir/$export")
	requireOutcome(t, got, http.StatusTooManyRequests)
	require.NotEmpty(t, got.header.Get("Retry-After"))
}

func checkTooManyPolls(t *testing.T, _ *conformance) {
	c := idle(t, "api", "")
	location := c.get(t, c.base+"/fhir/$export").header.Get("Content-Location")
	got := c.get(t, location)
	for polls := 0; got.status == http.StatusAccepted && polls < 5000; polls++ {
		got = c.get(t, location)
	}
	requireOutcome(t, got, http.StatusTooManyRequests)
	require.NotEmpty(t, got.header.Get("Retry-After"))
}

// checkTransactionTime exports while another transaction is open: an export since
// transactionTime has its rows.
func checkTransactionTime(t *testing.T, _ *conformance) {
	c := idle(t, "serve", `CREATE TABLE slot (id text, txid bigint, ts timestamptz DEFAULT current_timestamp, resource jsonb); INSERT INTO slot VALUES ('s1', 1, now(), '{}')`)
	db, err := pgx.Connect(t.Context(), c.database)
	require.NoError(t, err)
	defer func() { _ = db.Close(t.Context()) }()
	tx, err := db.Begin(t.Context())
	require.NoError(t, err)
	_, err = tx.Exec(t.Context(), `INSERT INTO slot (id, txid, resource) VALUES ('late', 2, '{}')`)
	require.NoError(t, err)

	first, _ := c.export(t, c.base+"/fhir/$export?_type=Slot")
	require.Equal(t, []string{"Slot/s1"}, c.ids(t, first))
	require.NoError(t, tx.Commit(t.Context()))
	next, _ := c.export(t, c.base+"/fhir/$export?_type=Slot&_since="+first.TransactionTime.Format("2006-01-02T15:04:05.000000Z"))
	require.Contains(t, c.ids(t, next), "Slot/late")
}
