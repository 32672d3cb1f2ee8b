package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
)

// TestConformance checks the product against the requirements that the Bulk Data
// specification has for servers. Each row that is met has a check, which sends requests
// as a client does. docs/conformance.md is generated from the same rows.
func TestConformance(t *testing.T) {
	t.Parallel()
	c := newConformance(t)
	done := map[string]bool{}
	for _, r := range rows {
		if r.state != met || done[r.check] {
			continue
		}
		done[r.check] = true
		check, ok := checks[r.check]
		require.True(t, ok, "no check %s", r.check)
		t.Run(r.check, func(t *testing.T) {
			t.Parallel()
			check(t, c)
		})
	}
	require.Len(t, done, len(checks), "a check without a row")
}

// conformance is a client of a server with the conformance data.
type conformance struct {
	*journey
	base    string // API with presigned links
	guarded string // API that serves files itself

	transport *http.Transport // adds no headers and decompresses nothing
}

// newConformance loads the conformance data and starts two servers on it.
func newConformance(t *testing.T) *conformance {
	t.Helper()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.addClient("--kick-offs=0") // there are many checks
	j.sluice(cli.ExitOK, "client", "add", "narrow", "--secret=swordfish", "--scope=system/Patient.rs")
	j.load(conformanceData)

	db, err := pgx.Connect(t.Context(), j.database)
	require.NoError(t, err)
	_, err = db.Exec(t.Context(), conformanceSQL)
	require.NoError(t, err)
	require.NoError(t, db.Close(t.Context()))

	c := &conformance{journey: j, transport: newTransport(t)}
	c.base, _ = j.start("serve", "--attachment-base-url=https://fhir.example.org/fhir")
	c.guarded, _ = j.start("serve", "--file-access=proxied")
	return c
}

const conformanceData = `{"resourceType":"Patient","id":"p1","active":true,"gender":"male","contained":[{"resourceType":"Organization","id":"o"}]}
{"resourceType":"Patient","id":"p2","active":false,"gender":"female"}
{"resourceType":"Observation","id":"o1","status":"final","code":{"text":"x"},"subject":{"reference":"Patient/p1"},"valueQuantity":{"value":1.50}}
{"resourceType":"Observation","id":"o2","status":"preliminary","code":{"text":"x"},"subject":{"reference":"Patient/p2"}}
{"resourceType":"Observation","id":"o3","status":"final","code":{"text":"x"},"subject":{"reference":"Location/l"}}
{"resourceType":"Practitioner","id":"d1"}
{"resourceType":"Binary","id":"b1","contentType":"text/plain"}
{"resourceType":"Group","id":"g1","type":"person","actual":true,"member":[{"entity":{"reference":"Patient/p1"}},{"entity":{"reference":"Patient/p2"},"inactive":true}]}
{"resourceType":"DocumentReference","id":"r1","status":"current","subject":{"reference":"Patient/p1"},"content":[{"attachment":{"contentType":"text/plain","url":"Binary/b1"}}]}
{"resourceType":"Provenance","id":"v1","target":[{"reference":"Observation/o1"}],"recorded":"2020-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/d1"}}]}
{"resourceType":"Provenance","id":"v2","target":[{"reference":"Observation/o1"}],"recorded":"2021-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/d1"}}]}
{"resourceType":"Provenance","id":"v3","target":[{"reference":"Observation/o3"}],"recorded":"2021-01-01T00:00:00Z","agent":[{"who":{"reference":"Practitioner/d1"}}]}
`

// maximumFileSize is the parameter for the smallest allowed files. Each resource of
// conformanceSQL is larger.
const maximumFileSize = "&_maximumFileSize=65536"

// conformanceSQL makes resources large and patients old, adds a former version and a
// deletion to the history, and stores an Encounter that is not valid FHIR.
const conformanceSQL = `
DO $$ DECLARE name text; BEGIN
	FOREACH name IN ARRAY '{patient, observation, group, documentreference, provenance}'::text[] LOOP
		EXECUTE format('UPDATE %I SET resource = resource || jsonb_build_object(''text'', jsonb_build_object(''status'', ''generated'', ''div'', repeat(''x'', 66000)))', name);
	END LOOP;
END $$;
UPDATE patient SET ts = '2020-01-01Z', cts = '2020-01-01Z';
CREATE TABLE IF NOT EXISTS observation_history (LIKE observation);
INSERT INTO observation_history (id, txid, ts, cts, resource_type, status, resource)
	SELECT h, -1, now(), cts, resource_type, status, '{"status": "entered-in-error", "subject": {"id": "p1", "resourceType": "Patient"}}' FROM observation, unnest(ARRAY['o1', 'gone']) AS h WHERE id = 'o1';
CREATE TABLE encounter (LIKE patient INCLUDING ALL);
INSERT INTO encounter (id, txid, ts, cts, resource_type, status, resource)
	SELECT 'bad', txid, now(), now(), 'Encounter', status, '{"status": "planned", "subject": {"id": "p1"}}' FROM patient LIMIT 1;`

func newTransport(t *testing.T) *http.Transport {
	t.Helper()
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	return transport
}

// send sends a request as the client a.
func (c *conformance) send(t *testing.T, method, url, body string, headers ...string) answer {
	t.Helper()
	return send(t, c.transport, method, url, body, headers...)
}

func (c *conformance) get(t *testing.T, url string, headers ...string) answer {
	t.Helper()
	return c.send(t, http.MethodGet, url, "", headers...)
}

// bulkManifest is the manifest of an export.
type bulkManifest struct {
	TransactionTime     time.Time
	Request             string
	RequiresAccessToken *bool
	Output, Error       []bulkFile
	Deleted             *[]bulkFile
	Link                []struct{ Relation, URL string }
	OutputOrganizedBy   string
}

type bulkFile struct {
	Type, URL       string
	ContinuesInFile string
	Count           *int
	Extension       map[string]any
}

// export kicks off an export and waits for the manifest.
func (c *conformance) export(t *testing.T, kickOff string, headers ...string) (bulkManifest, answer) {
	t.Helper()
	accepted := c.get(t, kickOff, headers...)
	require.Equal(t, http.StatusAccepted, accepted.status, accepted.body)
	return c.await(t, accepted)
}

// await waits for the manifest of an accepted export.
func (c *conformance) await(t *testing.T, accepted answer) (manifest bulkManifest, completed answer) {
	t.Helper()
	completed = awaitEnd(t, accepted.header.Get("Content-Location"), func(location string) answer { return c.get(t, location) })
	require.Equal(t, http.StatusOK, completed.status, completed.body)
	require.NoError(t, json.Unmarshal([]byte(completed.body), &manifest))
	return manifest, completed
}

// lines downloads and decompresses files.
func (c *conformance) lines(t *testing.T, files []bulkFile, headers ...string) (lines []string) {
	t.Helper()
	for _, file := range files {
		got := c.get(t, file.URL, append([]string{"Accept-Encoding", "gzip", "Authorization", "none"}, headers...)...)
		require.Equal(t, http.StatusOK, got.status, got.body)
		reader, err := gzip.NewReader(strings.NewReader(got.body))
		require.NoError(t, err)
		content, err := io.ReadAll(reader)
		require.NoError(t, err)
		for line := range bytes.Lines(content) {
			lines = append(lines, strings.TrimSuffix(string(line), "\n"))
		}
	}
	return lines
}

// ids returns the resources of an export as Type/id.
func (c *conformance) ids(t *testing.T, manifest bulkManifest) (ids []string) {
	t.Helper()
	for _, line := range c.lines(t, manifest.Output) {
		var resource struct{ ResourceType, ID string }
		require.NoError(t, json.Unmarshal([]byte(line), &resource))
		ids = append(ids, resource.ResourceType+"/"+resource.ID)
	}
	return ids
}

// requireOutcome checks that an answer is an error with an OperationOutcome.
func requireOutcome(t *testing.T, got answer, statuses ...int) {
	t.Helper()
	require.Contains(t, statuses, got.status, got.body)
	require.Equal(t, "application/fhir+json", got.header.Get("Content-Type"))
	var outcome struct {
		ResourceType string
		Issue        []struct{ Severity, Code string }
	}
	require.NoError(t, json.Unmarshal([]byte(got.body), &outcome), got.body)
	require.Equal(t, "OperationOutcome", outcome.ResourceType)
	require.NotEmpty(t, outcome.Issue)
	require.NotEmpty(t, fmt.Sprint(outcome.Issue[0].Severity, outcome.Issue[0].Code))
}
