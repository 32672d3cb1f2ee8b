package sql_test

import (
	"bytes"
	"compress/gzip"
	"crypto/sha256"
	"encoding/json"
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/jobs"
)

// parameters are the parameters of a Parameters resource, by name.
type parameters map[string][]parameter

type parameter struct {
	Name         string
	ValueString  string
	ValueCode    string
	ValueURI     string
	ValueInstant string
	ValueInteger *int
	Part         []parameter
}

func readParameters(t *testing.T, got apitest.Answer) parameters {
	t.Helper()
	var resource struct {
		ResourceType string
		Parameter    []parameter
	}
	require.NoError(t, json.Unmarshal([]byte(got.Text), &resource), got.Text)
	require.Equal(t, "Parameters", resource.ResourceType)
	require.Equal(t, apitest.TypeFHIR, got.Header.Get("Content-Type"))
	all := parameters{}
	for _, p := range resource.Parameter {
		all[p.Name] = append(all[p.Name], p)
	}
	return all
}

// kickOff starts an export and returns it with the path of its status.
func (b *testBundle) kickOff(t *testing.T, list ...string) (export jobs.Export, status string) {
	t.Helper()
	got := b.export(t, list...)
	require.Equal(t, http.StatusAccepted, got.StatusCode, got.Text)
	status, ok := strings.CutPrefix(got.Header.Get("Content-Location"), b.URL)
	require.True(t, ok)
	text := strings.TrimSuffix(strings.TrimPrefix(status, exportPath+"/"), "/status")
	id, err := uuid.Parse(text)
	require.NoError(t, err)
	require.Equal(t, "respond-async", got.Header.Get("Preference-Applied"))
	body := readParameters(t, got)
	require.Equal(t, text, body["exportId"][0].ValueString)
	require.Equal(t, "accepted", body["status"][0].ValueCode)
	require.Equal(t, b.URL+status, body["location"][0].ValueURI)
	export, err = b.Exports.Get(t.Context(), id)
	require.NoError(t, err)
	return export, status
}

func TestExportRequest(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	unnamed := `{"resource":"Patient","select":[{"column":[{"name":"id","path":"id"}]}],"constant":[{"name":"c","valueDecimal":1.00}]}`
	export, _ := b.kickOff(t,
		subject(reference("pt")), subject(named("a b"), reference("obs")), subject(inline(unnamed)), subject(inline(unnamed)),
		`{"name":"clientTrackingId","valueString":"nightly-7"}`, `{"name":"_format","valueCode":"csv"}`, `{"name":"header","valueBoolean":false}`,
		`{"name":"patient","valueReference":{"reference":"Patient/pt-1"}}`, `{"name":"group","valueReference":{"reference":"Group/ward"}}`,
		`{"name":"_since","valueInstant":"2024-01-01T00:00:00Z"}`,
	)
	request := export.Request
	require.Equal(t, jobs.GroupLevel, request.Level)
	require.Equal(t, "ward", request.Group)
	require.Equal(t, []string{"pt-1"}, request.Patients)
	require.Equal(t, []string{"Patient", "Observation"}, request.Types)
	require.True(t, request.Existing && request.FHIR)
	require.Equal(t, "2024-01-01T00:00:00Z", request.ChangedAfter.UTC().Format("2006-01-02T15:04:05Z"))
	require.Equal(t, "csv", request.Tables.Format)
	require.True(t, request.Tables.NoHeader)
	require.Equal(t, "nightly-7", request.Tables.TrackingID)
	var names []string
	for _, view := range request.Tables.Views {
		names = append(names, view.Name)
	}
	require.Equal(t, []string{"pt", "a b", "view3", "view4"}, names)
	require.Empty(t, request.Tables.Views[2].Definition, "only workers read it")
	require.Equal(t, 1, b.Count(t, `SELECT count(*) FROM sluice.export WHERE request->'tables'->'views'->2->'definition'->>'constant' LIKE '%1.00%'`))

	export, _ = b.kickOff(t, subject(canonical))
	require.Equal(t, "ndjson", export.Request.Tables.Format)
	require.False(t, export.Request.Tables.NoHeader)
	require.Equal(t, jobs.SystemLevel, export.Request.Level)
	export, _ = b.kickOff(t, subject(canonical), `{"name":"patient","valueString":"pt-1"}`)
	require.Equal(t, jobs.PatientLevel, export.Request.Level)
}

// complete completes an export as a worker does, with one file of CSV.
func (b *testBundle) complete(t *testing.T, export jobs.Export, name string) (content string) {
	t.Helper()
	content = "id\npt-1\n"
	var packed bytes.Buffer
	writer := gzip.NewWriter(&packed)
	_, err := io.WriteString(writer, content)
	require.NoError(t, err)
	require.NoError(t, writer.Close())
	key := export.ID.String() + "/" + name + ".0001.csv.gz"
	sum := sha256.Sum256(packed.Bytes())
	object, err := b.Bucket.Upload(t.Context(), key, &packed)
	require.NoError(t, err)
	b.Exec(t, `INSERT INTO sluice.part (export_id, number, generation, resource_type, scan, object_key, job_id, state, bytes_planned)
		VALUES ($1, 1, 1, 'Patient', '{}', $2, 1, 'done', 1)`, export.ID, key)
	b.Exec(t, `INSERT INTO sluice.file (export_id, part_number, number, kind, output, resource_type, object_key, resources, plain_bytes, max_line_bytes, stored_bytes, sha256, etag)
		VALUES ($1, 1, 1, 'output', $2, 'Patient', $3, 1, $4, 0, $5, $6, $7)`, export.ID, name, key, len(content), object.Size, sum[:], object.ETag)
	b.Exec(t, `UPDATE sluice.export SET state = 'completed', transaction_time = '2024-05-31 12:00:00.5+02',
		finished_at = now(), expires_at = now() + interval '3 days' WHERE id = $1`, export.ID)
	return content
}

// TestExportLife: 202 while an export runs, then 303 to its result, which is shown again on
// each request.
func TestExportLife(t *testing.T) {
	t.Parallel()
	for name, proxied := range map[string]bool{"links": false, "proxied": true} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := setup(t, func(config *api.Config) { config.ProxyFiles = proxied })
			b.HTTP.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
			b.store(t)
			export, status := b.kickOff(t, subject(reference("pt")), `{"name":"_format","valueCode":"csv"}`, `{"name":"clientTrackingId","valueString":"nightly-7"}`)
			result := strings.TrimSuffix(status, "status") + "result"
			apitest.RequireRefusal(t, b.Get(t, result), http.StatusNotFound, "not-found", "")

			b.Exec(t, `UPDATE sluice.export SET state = 'running' WHERE id = $1`, export.ID)
			got := b.Get(t, status)
			require.Equal(t, http.StatusAccepted, got.StatusCode)
			require.NotEmpty(t, got.Header.Get("Retry-After"))
			require.Equal(t, "0%", got.Header.Get("X-Progress"))
			body := readParameters(t, got)
			require.Equal(t, export.ID.String(), body["exportId"][0].ValueString)
			require.Equal(t, "nightly-7", body["clientTrackingId"][0].ValueString)
			require.Equal(t, "in-progress", body["status"][0].ValueCode)

			content := b.complete(t, export, "pt")
			for range 2 {
				got = b.Get(t, status)
				require.Equal(t, http.StatusSeeOther, got.StatusCode)
				require.Equal(t, b.URL+result, got.Header.Get("Location"))
				require.Empty(t, got.Text)
				b.requireResult(t, result, status, content)
			}
			apitest.RequireRefusal(t, b.Get(t, apitest.StatusPath+export.ID.String()), http.StatusNotFound, "not-found", "")

			b.Exec(t, `UPDATE sluice.export SET state = 'expired' WHERE id = $1`, export.ID)
			apitest.RequireRefusal(t, b.Get(t, status), http.StatusGone, "deleted", "")
			apitest.RequireRefusal(t, b.Get(t, result), http.StatusGone, "deleted", "")
		})
	}
}

// requireResult checks the result of the export that complete completed.
func (b *testBundle) requireResult(t *testing.T, result, status, content string) {
	t.Helper()
	got := b.Get(t, result)
	require.Equal(t, http.StatusOK, got.StatusCode, got.Text)
	expires, err := http.ParseTime(got.Header.Get("Expires"))
	require.NoError(t, err)
	life := 24 * time.Hour // after the end, whatever LinkTTL is
	if b.Config.ProxyFiles {
		life *= 3
	}
	require.WithinDuration(t, time.Now().Add(life), expires, 2*apitest.Patience)
	body := readParameters(t, got)
	require.Equal(t, "completed", body["status"][0].ValueCode)
	require.Equal(t, "csv", body["_format"][0].ValueCode)
	require.Equal(t, "nightly-7", body["clientTrackingId"][0].ValueString)
	require.Equal(t, b.URL+status, body["location"][0].ValueURI)
	require.NotEmpty(t, body["exportStartTime"][0].ValueInstant)
	require.NotEmpty(t, body["exportEndTime"][0].ValueInstant)
	require.NotNil(t, body["exportDuration"][0].ValueInteger)
	require.Len(t, body["output"], 1)
	require.Equal(t, "pt", body["output"][0].Part[0].ValueString)
	require.Equal(t, "location", body["output"][0].Part[1].Name)

	location := body["output"][0].Part[1].ValueURI
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, location, http.NoBody)
	require.NoError(t, err)
	if b.Config.ProxyFiles {
		request.SetBasicAuth(apitest.ClientID, apitest.ClientSecret)
	}
	request.Header.Set("Accept-Encoding", "gzip")
	file := b.Do(t, request)
	require.Equal(t, http.StatusOK, file.StatusCode, file.Text)
	require.Equal(t, "text/csv", file.Header.Get("Content-Type"))
	require.Equal(t, "gzip", file.Header.Get("Content-Encoding"))
	require.Contains(t, file.Header.Get("Content-Disposition"), "pt.csv")
	require.Equal(t, content, apitest.Gunzip(t, file.Text))
}

func TestExportFailure(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.HTTP.CheckRedirect = func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse }
	b.store(t)
	export, status := b.kickOff(t, subject(reference("pt")))
	require.NoError(t, b.Exports.Fail(t.Context(), export.ID, "Patient/1: several values"))
	result := strings.TrimSuffix(status, "status") + "result"
	for range 2 {
		got := b.Get(t, status)
		require.Equal(t, http.StatusSeeOther, got.StatusCode)
		require.Equal(t, b.URL+result, got.Header.Get("Location"))
		require.Contains(t, apitest.RequireRefusal(t, b.Get(t, result), http.StatusInternalServerError, "exception", ""), "several values")
	}
}

// TestExportCancel: DELETE on the status URL, after which status and result are unknown.
func TestExportCancel(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	_, status := b.kickOff(t, subject(reference("pt")))
	result := strings.TrimSuffix(status, "status") + "result"
	stranger := b.as(t, "stranger", nil, "system/*.rs")
	for _, request := range []*http.Request{b.Request(t, http.MethodGet, status), b.Request(t, http.MethodGet, result), b.Request(t, http.MethodDelete, status)} {
		apitest.RequireRefusal(t, b.Do(t, stranger(request)), http.StatusNotFound, "not-found", "")
	}
	require.Equal(t, http.StatusAccepted, b.Do(t, b.Request(t, http.MethodDelete, status)).StatusCode)
	apitest.RequireRefusal(t, b.Get(t, status), http.StatusNotFound, "not-found", "")
	apitest.RequireRefusal(t, b.Get(t, result), http.StatusNotFound, "not-found", "")
	apitest.RequireRefusal(t, b.Do(t, b.Request(t, http.MethodDelete, status)), http.StatusNotFound, "not-found", "")

	// An export of resources is not found here.
	bulk := b.KickOff(t, "/fhir/$export?_type=Patient").ID.String()
	for _, path := range []string{bulk, "no-such-job", uuid.NewString()} {
		apitest.RequireRefusal(t, b.Get(t, exportPath+"/"+path+"/status"), http.StatusNotFound, "not-found", "")
		apitest.RequireRefusal(t, b.Get(t, exportPath+"/"+path+"/result"), http.StatusNotFound, "not-found", "")
		apitest.RequireRefusal(t, b.Do(t, b.Request(t, http.MethodDelete, exportPath+"/"+path+"/status")), http.StatusNotFound, "not-found", "")
	}
	require.Equal(t, http.StatusAccepted, b.Get(t, apitest.StatusPath+bulk).StatusCode)
}

func TestExportPolls(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	_, status := b.kickOff(t, subject(reference("pt")))
	for range 100_000 {
		if got := b.Get(t, status); got.StatusCode != http.StatusAccepted {
			apitest.RequireThrottled(t, got)
			return
		}
	}
	t.Fatal("polls are not limited")
}

// TestExportKickOffRate: kick-offs of both kinds count together, and refused ones do not.
func TestExportKickOffRate(t *testing.T) {
	t.Parallel()
	b := setup(t)
	b.store(t)
	b.Exec(t, `UPDATE sluice.client SET kick_offs = 2`)
	b.kickOff(t, subject(reference("pt")))
	require.Equal(t, http.StatusNotFound, b.export(t, subject(reference("none"))).StatusCode)
	b.KickOff(t, "/fhir/$export?_type=Patient")
	apitest.RequireThrottled(t, b.export(t, subject(reference("pt"))))
}
