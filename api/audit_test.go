package api_test

import (
	"compress/gzip"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// TestAudit: each request for data, allowed or refused, is recorded as one line and one
// AuditEvent, which contain no data and no query.
func TestAudit(t *testing.T) {
	t.Parallel()
	bucketURL := storagetest.Bucket(t)
	bucket, err := storage.Open(storage.Config{URL: bucketURL})
	require.NoError(t, err)
	t.Cleanup(bucket.Close)
	lines := &apitest.LogBuffer{}
	b := setup(t, withBase, func(config *api.Config) {
		config.Audit, config.AuditBucket = slog.New(slog.NewJSONHandler(lines, nil)), bucket
	})
	b.Documented(t)
	app := b.newApp(t, "app", "system/*.rs")

	dumped := b.Get(t, "/Patient/$dump?_since=2001-02-03")
	kicked := b.Get(t, "/fhir/$export?_type=Patient")
	id := strings.TrimPrefix(kicked.Header.Get("Content-Location"), baseURL+"/fhir/$export-status/")
	b.Get(t, "/fhir/$export-status/"+id) // a poll is nothing
	b.Do(t, b.Request(t, http.MethodDelete, "/fhir/$export-status/"+id))
	gone := b.Get(t, "/fhir/$export-status/"+id)
	token := b.postToken(t, app.form(t, "system/*.rs").Encode())
	wrong := b.Request(t, http.MethodGet, "/Patient/$dump")
	wrong.SetBasicAuth("Confidential1", "Confidential2")
	refused := b.Do(t, wrong)
	wrong = b.Request(t, http.MethodGet, "/Patient/$dump")
	wrong.SetBasicAuth(apitest.ClientID, "Confidential3")
	b.Do(t, wrong)
	b.Get(t, "/health")
	b.Get(t, "/nowhere")

	const here = "127.0.0.1"
	want := []apitest.AuditLine{
		{Action: "dump", Outcome: "started", Client: apitest.ClientID, Status: 200, Remote: here, Path: "/Patient/$dump"},
		{Action: "dump", Outcome: "done", Client: apitest.ClientID, Status: 200, Remote: here, Path: "/Patient/$dump", Bytes: len(dumped.Text), Resources: strings.Count(dumped.Text, "\n")},
		{Action: "kick-off", Outcome: "done", Client: apitest.ClientID, Status: 202, Remote: here, Path: "/fhir/$export", Export: id, Types: []string{"Patient"}, Bytes: len(kicked.Text)},
		{Action: "cancel", Outcome: "done", Client: apitest.ClientID, Status: 202, Remote: here, Path: "/fhir/$export-status/" + id, Export: id},
		{Action: "poll", Outcome: "refused", Client: apitest.ClientID, Status: 404, Remote: here, Path: "/fhir/$export-status/" + id, Export: id, Bytes: len(gone.Text)},
		{Action: "token", Outcome: "done", Client: "app", Status: 200, Remote: here, Path: "/auth/token", Bytes: len(token.Text)},
		{Action: "dump", Outcome: "refused", Status: 401, Remote: here, Path: "/Patient/$dump", Bytes: len(refused.Text)},
		{Action: "dump", Outcome: "refused", Client: apitest.ClientID, Status: 401, Remote: here, Path: "/Patient/$dump", Bytes: len(refused.Text)},
	}
	require.Eventually(t, func() bool { return len(lines.Audited(t)) >= len(want) }, apitest.Patience, apitest.Tick)
	require.ElementsMatch(t, want, lines.Audited(t))

	b.Stop()
	<-b.Served
	events := slices.DeleteFunc(auditEvents(t, bucketURL), isChange)
	require.Len(t, events, len(want))
	var agents []string
	for _, event := range events {
		require.Equal(t, "AuditEvent", event["resourceType"])
		// What FHIR R4 asks for at least.
		require.Subset(t, keys(event), []string{"id", "type", "recorded", "agent", "source", "outcome", "entity"})
		agent, _ := event["agent"].([]any)[0].(map[string]any)
		require.Equal(t, true, agent["requestor"])
		if who, ok := agent["who"].(map[string]any); ok {
			identifier, _ := who["identifier"].(map[string]any)
			agents = append(agents, identifier["value"].(string))
		}
	}
	require.ElementsMatch(t, []string{apitest.ClientID, apitest.ClientID, apitest.ClientID, apitest.ClientID, apitest.ClientID, apitest.ClientID, "app"}, agents)

	text, err := json.Marshal(events)
	require.NoError(t, err)
	for _, secret := range []string{"Confidential", "2001-02-03", "Alice", readToken(t, token).AccessToken} {
		require.NotContains(t, lines.String()+string(text), secret)
	}
}

func keys(m map[string]any) (names []string) {
	for name := range m {
		names = append(names, name)
	}
	return names
}

// auditEvents reads the objects under audit/ with the standard library's gzip.
func auditEvents(t *testing.T, bucketURL string) (events []map[string]any) {
	t.Helper()
	core, name, prefix := storagetest.Direct(t, bucketURL)
	for object := range core.Client.ListObjects(t.Context(), name, minio.ListObjectsOptions{Prefix: prefix + "audit/", Recursive: true}) {
		require.NoError(t, object.Err)
		require.Regexp(t, `/audit/\d{4}-\d\d-\d\d/\d{6}\.\d{3}-([A-Z0-9]{26}|clients-\d+-\d+)\.ndjson\.gz$`, object.Key)
		body, err := core.Client.GetObject(t.Context(), name, object.Key, minio.GetObjectOptions{})
		require.NoError(t, err)
		plain, err := gzip.NewReader(body)
		require.NoError(t, err)
		text, err := io.ReadAll(plain)
		require.NoError(t, err)
		require.NoError(t, body.Close())
		for line := range strings.Lines(string(text)) {
			var event map[string]any
			require.NoError(t, json.Unmarshal([]byte(line), &event))
			events = append(events, event)
		}
	}
	recorded := func(event map[string]any) time.Time {
		at, err := time.Parse(time.RFC3339, event["recorded"].(string))
		require.NoError(t, err)
		return at
	}
	slices.SortFunc(events, func(x, y map[string]any) int { return recorded(x).Compare(recorded(y)) })
	return events
}
