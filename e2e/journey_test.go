package e2e

import (
	"bytes"
	"compress/gzip"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
)

// TestJourney goes from an empty database to downloaded files with commands and HTTP
// only, with each form of jsonb.
func TestJourney(t *testing.T) {
	t.Parallel()
	for _, form := range []string{"text", "stored"} {
		t.Run(form, func(t *testing.T) {
			t.Parallel()
			testJourney(t, form)
		})
	}
}

func testJourney(t *testing.T, form string) {
	t.Helper()
	j := newJourney(t)
	sourcetest.CreateCast(t, j.database)

	_, stderr := j.sluice(cli.ExitFailed, "client", "list")
	require.Contains(t, stderr, "run sluice migrate")
	stdout, _ := j.sluice(cli.ExitOK, "migrate")
	require.Regexp(t, `^migrations applied: [1-9]\d*\n$`, stdout)
	j.addClient()

	require.Contains(t, j.load(twoPatients), "2 Patient")

	address, stopAPI := j.start("api", "--jsonb="+form)
	_, stopWorker := j.start("worker", "--jsonb="+form)

	require.Contains(t, j.requireReady(address, http.StatusOK), `"jsonb":"`+form+`"`)

	dump := j.ask(http.MethodGet, address+"/Patient/$dump?fhir=true")
	require.Equal(t, http.StatusOK, dump.status)
	require.Equal(t, 2, strings.Count(dump.body, "\n"))
	require.Contains(t, dump.body, `"managingOrganization":{"reference":"Organization/o1"}`)

	for _, kickOff := range []string{"/fhir/$export", "/Patient/$dump?fhir=true"} {
		accepted := j.ask(http.MethodGet, address+kickOff, "Prefer", "respond-async")
		require.Equal(t, http.StatusAccepted, accepted.status)
		location := accepted.header.Get("Content-Location")

		completed := j.poll(location)
		require.Equal(t, http.StatusOK, completed.status, completed.body)
		require.Equal(t, "application/json", completed.header.Get("Content-Type"))
		j.download(completed.body, address+kickOff)

		require.Equal(t, http.StatusAccepted, j.ask(http.MethodDelete, location).status)
		require.Equal(t, http.StatusNotFound, j.ask(http.MethodGet, location).status)
	}
	require.Zero(t, stopAPI())
	require.Zero(t, stopWorker())
}

// download checks a manifest with one file, and downloads the file.
func (j *journey) download(document, kickOff string) {
	j.t.Helper()
	var manifest struct {
		TransactionTime     time.Time
		Request             string
		RequiresAccessToken *bool
		Output              []struct {
			Type, URL string
			Count     int
		}
		Error []any
	}
	require.NoError(j.t, json.Unmarshal([]byte(document), &manifest))
	require.Equal(j.t, kickOff, manifest.Request)
	require.False(j.t, *manifest.RequiresAccessToken)
	require.NotNil(j.t, manifest.Error)
	require.WithinDuration(j.t, time.Now(), manifest.TransactionTime, patience)
	require.Len(j.t, manifest.Output, 1)
	require.Equal(j.t, "Patient", manifest.Output[0].Type)
	require.Equal(j.t, 2, manifest.Output[0].Count)

	request, err := http.NewRequestWithContext(j.t.Context(), http.MethodGet, manifest.Output[0].URL, http.NoBody)
	require.NoError(j.t, err)
	request.Header.Set("Accept-Encoding", "gzip") // prevents that net/http decompresses it
	response, err := http.DefaultClient.Do(request)
	require.NoError(j.t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(j.t, "gzip", response.Header.Get("Content-Encoding"))
	require.Equal(j.t, "application/fhir+ndjson", response.Header.Get("Content-Type"))
	unpacked, err := gzip.NewReader(response.Body)
	require.NoError(j.t, err)
	lines, err := io.ReadAll(unpacked)
	require.NoError(j.t, err)
	require.Equal(j.t, 2, bytes.Count(lines, []byte("\n")))
	require.Contains(j.t, string(lines), "Müller")
}

// A client is added, listed and removed. A generated secret is valid and not stored.
func TestClients(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")

	stdout, _ := j.sluice(cli.ExitOK, "client", "add", "generated", "--scope=system/Patient.rs", "--scope=system/Group.read")
	secret := regexp.MustCompile(`secret: (\S+)`).FindStringSubmatch(stdout)
	require.NotNil(t, secret, stdout)
	_, stderr := j.sluice(cli.ExitFailed, "client", "add", "generated", "--scope=system/*.rs")
	require.Contains(t, stderr, "already")
	_, stderr = j.sluice(cli.ExitFailed, "client", "add", "other", "--scope=patient/*.rs")
	require.Contains(t, stderr, "patient/*.rs")

	stdout, _ = j.sluice(cli.ExitOK, "client", "list")
	require.Contains(t, stdout, "system/Patient.rs system/Group.read")
	require.NotContains(t, stdout, secret[1])

	address, _ := j.start("serve")
	status := func(password string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/Observation/$dump", http.NoBody)
		require.NoError(t, err)
		request.SetBasicAuth("generated", password)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		_ = response.Body.Close()
		return response.StatusCode
	}
	require.Equal(t, http.StatusForbidden, status(secret[1]))
	require.Equal(t, http.StatusUnauthorized, status("guess"))

	j.sluice(cli.ExitOK, "client", "remove", "generated")
	require.Equal(t, http.StatusUnauthorized, status(secret[1]), "a removed client has no access")
	_, stderr = j.sluice(cli.ExitFailed, "client", "remove", "generated")
	require.Contains(t, stderr, "no client")
}

// The error for an invalid line has its position, and nothing of its file is loaded.
func TestLoadBadLine(t *testing.T) {
	t.Parallel()
	j := newJourney(t)

	file := filepath.Join(t.TempDir(), "bad.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(twoPatients+"{\"resourceType\":\"Patient\"\n"), 0o600))
	stdout, stderr := j.sluice(cli.ExitFailed, "load", file)
	require.Contains(t, stderr, "bad.ndjson:3:")
	require.Equal(t, 1, strings.Count(stderr, "\n"))
	require.Contains(t, stdout, "0 resources from 0 files")
}
