package e2e

import (
	"bytes"
	"compress/gzip"
	"context"
	"encoding/json"
	"io"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// journey is a user with a database, a bucket and the command line.
type journey struct {
	t        *testing.T
	database string
	bucket   string
}

func newJourney(t *testing.T) *journey {
	t.Helper()
	j := &journey{t: t, database: sourcetest.Database(t), bucket: storagetest.Bucket(t)}
	sourcetest.Execute(t, j.database, `CREATE TABLE medication (id text, txid bigint, ts timestamptz, resource jsonb)`) // without any table it is not ready
	return j
}

// sluice runs a command to its end and returns what it printed.
func (j *journey) sluice(code int, args ...string) (stdout, stderr string) {
	j.t.Helper()
	var out, err bytes.Buffer
	require.Equal(j.t, code, cli.Run(j.t.Context(), append(args, "--source-url="+j.database), &out, &err), err.String())
	return out.String(), err.String()
}

// listening is what a server logs once it can be asked.
var listening = regexp.MustCompile(`"API started","address":"([^"]+)"`)

// start runs a command that serves, until stop, and returns its address if it
// answers requests. stop returns its exit code.
func (j *journey) start(command string, extra ...string) (address string, stop func() int) {
	j.t.Helper()
	log, stop := j.launch(command, extra...)
	if command == "worker" {
		return "", stop
	}
	return "http://" + log.await(j.t, listening), stop
}

// launch runs a command that serves, until stop, and returns its log.
func (j *journey) launch(command string, extra ...string) (log *logBuffer, stop func() int) {
	j.t.Helper()
	ctx, cancel := context.WithCancel(j.t.Context())
	log = &logBuffer{}
	args := []string{command, "--state-url=" + j.database, "--source-url=" + j.database, "--s3-url=" + j.bucket, "--log-format=json", "--log-level=debug"}
	if command != "api" {
		args = append(args, "--shutdown-timeout=1s")
	}
	if command != "worker" {
		args = append(args, "--listen=127.0.0.1:0")
	}
	args = append(args, extra...)
	code := make(chan int, 1)
	go func() { code <- cli.Run(ctx, args, io.Discard, log) }()
	stop = sync.OnceValue(func() int { cancel(); return <-code })
	j.t.Cleanup(func() {
		stop()
		for _, secret := range []string{"X-Amz-", "Signature=", "$argon2", "swordfish", "testsecret", "Basic ", "Bearer ", "Müller"} {
			require.NotContains(j.t, log.String(), secret)
		}
	})
	return log, stop
}

// logBuffer is a log that can be read while it is written.
type logBuffer struct {
	mu     sync.Mutex
	buffer bytes.Buffer
}

func (b *logBuffer) Write(p []byte) (int, error) {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.Write(p)
}

func (b *logBuffer) String() string {
	b.mu.Lock()
	defer b.mu.Unlock()
	return b.buffer.String()
}

// patience is how long an event may take that is sure to come.
const patience = 2 * time.Minute

// await returns what the pattern captures, as soon as the log has it.
func (b *logBuffer) await(t *testing.T, pattern *regexp.Regexp) string {
	t.Helper()
	require.Eventually(t, func() bool { return pattern.MatchString(b.String()) }, patience, 10*time.Millisecond, b)
	return pattern.FindStringSubmatch(b.String())[1]
}

// answer is a response, read to its end.
type answer struct {
	status int
	header http.Header
	body   string
}

// ask sends a request as the client a, whose secret is swordfish.
func (j *journey) ask(method, url string, headers ...string) answer {
	j.t.Helper()
	request, err := http.NewRequestWithContext(j.t.Context(), method, url, http.NoBody)
	require.NoError(j.t, err)
	request.SetBasicAuth("a", "swordfish")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	response, err := http.DefaultClient.Do(request)
	require.NoError(j.t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(j.t, err)
	return answer{response.StatusCode, response.Header, string(body)}
}

// poll asks for the status until the export has ended.
func (j *journey) poll(location string) answer {
	j.t.Helper()
	for deadline := time.Now().Add(patience); ; {
		require.True(j.t, time.Now().Before(deadline), "the export has not ended in time")
		status := j.ask(http.MethodGet, location)
		if status.status == http.StatusTooManyRequests { // a slow machine
			time.Sleep(time.Second)
			continue
		}
		if status.status != http.StatusAccepted {
			return status
		}
		require.Regexp(j.t, `^\d+%( \(restarted, attempt \d+\))?$`, status.header.Get("X-Progress"))
		time.Sleep(50 * time.Millisecond) // polling is what the protocol offers
	}
}

const twoPatients = `{"resourceType":"Patient","id":"p1","name":[{"family":"Müller"}],"deceasedBoolean":false}
{"resourceType":"Patient","id":"p2","managingOrganization":{"reference":"Organization/o1"}}
`

// From an empty database to downloaded files, with nothing but commands and
// HTTP.
func TestJourney(t *testing.T) {
	t.Parallel()
	j := newJourney(t)

	_, stderr := j.sluice(cli.ExitFailed, "client", "list")
	require.Contains(t, stderr, "run sluice migrate")
	stdout, _ := j.sluice(cli.ExitOK, "migrate")
	require.Regexp(t, `^[1-9]\d* migrations applied\n$`, stdout)
	j.sluice(cli.ExitOK, "client", "add", "a", "--secret=swordfish", "--scope=system/*.rs")

	file := filepath.Join(t.TempDir(), "patients.ndjson")
	require.NoError(t, os.WriteFile(file, []byte(twoPatients), 0o600))
	stdout, _ = j.sluice(cli.ExitOK, "load", file)
	require.Contains(t, stdout, "2 Patient")

	// The API and the worker, as two processes would be.
	address, stopAPI := j.start("api")
	_, stopWorker := j.start("worker")

	ready := j.ask(http.MethodGet, address+"/ready")
	require.Equal(t, http.StatusOK, ready.status, ready.body)

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

// download takes the one file of a manifest as HTTP clients do and checks it.
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
	require.WithinDuration(j.t, time.Now(), manifest.TransactionTime, time.Minute)
	require.Len(j.t, manifest.Output, 1)
	require.Equal(j.t, "Patient", manifest.Output[0].Type)
	require.Equal(j.t, 2, manifest.Output[0].Count)

	request, err := http.NewRequestWithContext(j.t.Context(), http.MethodGet, manifest.Output[0].URL, http.NoBody)
	require.NoError(j.t, err)
	request.Header.Set("Accept-Encoding", "gzip") // so that Go does not unpack it unseen
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

// A client is added, listed and removed; a secret that was made works, and is
// not stored.
func TestClients(t *testing.T) {
	t.Parallel()
	j := newJourney(t)
	j.sluice(cli.ExitOK, "migrate")

	stdout, _ := j.sluice(cli.ExitOK, "client", "add", "made", "--scope=system/Patient.rs", "--scope=system/Group.read")
	made := regexp.MustCompile(`secret: (\S+)`).FindStringSubmatch(stdout)
	require.NotNil(t, made, stdout)
	_, stderr := j.sluice(cli.ExitFailed, "client", "add", "made", "--scope=system/*.rs")
	require.Contains(t, stderr, "already")
	_, stderr = j.sluice(cli.ExitFailed, "client", "add", "other", "--scope=patient/*.rs")
	require.Contains(t, stderr, "patient/*.rs")

	stdout, _ = j.sluice(cli.ExitOK, "client", "list")
	require.Contains(t, stdout, "system/Patient.rs system/Group.read")
	require.NotContains(t, stdout, made[1])

	address, _ := j.start("serve")
	status := func(secret string) int {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, address+"/Observation/$dump", http.NoBody)
		require.NoError(t, err)
		request.SetBasicAuth("made", secret)
		response, err := http.DefaultClient.Do(request)
		require.NoError(t, err)
		_ = response.Body.Close()
		return response.StatusCode
	}
	require.Equal(t, http.StatusForbidden, status(made[1]))
	require.Equal(t, http.StatusUnauthorized, status("guess"))

	j.sluice(cli.ExitOK, "client", "remove", "made")
	require.Equal(t, http.StatusUnauthorized, status(made[1]), "a removed client is out at once")
	_, stderr = j.sluice(cli.ExitFailed, "client", "remove", "made")
	require.Contains(t, stderr, "no client")
}

// A bad line is told with its place, and nothing of its file is kept.
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
