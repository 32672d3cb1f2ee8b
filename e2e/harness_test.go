// Package e2e tests the product as a whole: commands and HTTP against PostgreSQL and an
// S3 server, as users see them. It uses packages of the product only to prepare and to
// inspect. Tests of one package belong in that package.
package e2e

import (
	"bytes"
	"context"
	"crypto/rand"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/cli"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// asSluice makes the test program behave as sluice, so that a test can start a process
// and kill it.
const asSluice = "TEST_AS_SLUICE"

func TestMain(m *testing.M) {
	if os.Getenv(asSluice) != "" {
		os.Exit(cli.Main())
	}
	os.Exit(m.Run())
}

const (
	// patience is the deadline of events and requests.
	patience = 2 * time.Minute

	pollInterval = 50 * time.Millisecond
)

// eventually waits until condition is met. It fails the test with the last state that
// condition returned if that takes longer than patience.
func eventually(t *testing.T, what string, condition func() (met bool, state any)) {
	t.Helper()
	for deadline := time.Now().Add(patience); ; time.Sleep(pollInterval) {
		met, state := condition()
		if met {
			return
		}
		if time.Now().After(deadline) {
			require.FailNow(t, fmt.Sprintf("%s: not within %s", what, patience), "%v", state)
		}
	}
}

// journey is a user with a database, a bucket and the command line.
type journey struct {
	t        *testing.T
	database string
	bucket   string
}

func newJourney(t *testing.T) *journey {
	t.Helper()
	j := &journey{t: t, database: sourcetest.Database(t), bucket: storagetest.Bucket(t)}
	sourcetest.Execute(t, j.database, `CREATE TABLE medication (id text, txid bigint, ts timestamptz, resource jsonb)`) // processes without any table are not ready
	return j
}

const twoPatients = `{"resourceType":"Patient","id":"p1","name":[{"family":"Müller"}],"deceasedBoolean":false}
{"resourceType":"Patient","id":"p2","managingOrganization":{"reference":"Organization/o1"}}
`

// newJourneyWithAPI loads two patients and starts the API.
func newJourneyWithAPI(t *testing.T) (j *journey, address string) {
	t.Helper()
	j = newJourney(t)
	j.sluice(cli.ExitOK, "migrate")
	j.addClient()
	j.load(twoPatients)
	address, _ = j.start("api")
	return j, address
}

// sluice runs a command and returns its output.
func (j *journey) sluice(code int, args ...string) (stdout, stderr string) {
	j.t.Helper()
	var out, err bytes.Buffer
	require.Equal(j.t, code, cli.Run(j.t.Context(), append(args, "--source-url="+j.database), &out, &err), err.String())
	return out.String(), err.String()
}

// addClient adds the client of ask, which may export everything.
func (j *journey) addClient(extra ...string) {
	j.t.Helper()
	j.sluice(cli.ExitOK, append([]string{"client", "add", "a", "--secret=swordfish", "--scope=system/*.rs"}, extra...)...)
}

// load loads lines of ndjson and returns the output of the command.
func (j *journey) load(lines string) string {
	j.t.Helper()
	file := filepath.Join(j.t.TempDir(), "resources.ndjson")
	require.NoError(j.t, os.WriteFile(file, []byte(lines), 0o600))
	stdout, _ := j.sluice(cli.ExitOK, "load", file)
	return stdout
}

// startArgs returns the arguments of a command that serves.
func (j *journey) startArgs(command string, extra ...string) []string {
	args := []string{command, "--state-url=" + j.database, "--source-url=" + j.database, "--s3-url=" + j.bucket, "--log-format=json"}
	if command != "worker" {
		args = append(args, "--listen=127.0.0.1:0")
	}
	return append(args, extra...)
}

// apiStarted matches the log line of an API that accepts connections.
var apiStarted = regexp.MustCompile(`"API started","address":"([^"]+)"`)

// start runs a command that serves, and returns the address of its API if it has one.
// stop stops it and returns its exit code.
func (j *journey) start(command string, extra ...string) (address string, stop func() int) {
	j.t.Helper()
	log, stop := j.launch(command, extra...)
	if command == "worker" {
		return "", stop
	}
	return "http://" + log.await(j.t, apiStarted), stop
}

// startWorker runs a worker and waits until it has started.
func (j *journey) startWorker(args ...string) *logBuffer {
	j.t.Helper()
	log, _ := j.launch("worker", args...)
	log.await(j.t, regexp.MustCompile(`"(worker started)"`))
	return log
}

// launch runs a command that serves, and returns its log. stop stops it and returns its
// exit code.
func (j *journey) launch(command string, extra ...string) (log *logBuffer, stop func() int) {
	j.t.Helper()
	ctx, cancel := context.WithCancel(j.t.Context())
	log = &logBuffer{}
	args := j.startArgs(command, "--log-level=debug")
	if command != "api" {
		args = append(args, "--shutdown-timeout=1s")
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

// refused runs a command that serves, which must fail at start, and returns the error
// that it logs last.
func (j *journey) refused(command string, extra ...string) string {
	j.t.Helper()
	ctx, cancel := context.WithTimeout(j.t.Context(), patience)
	defer cancel()
	var stdout, stderr bytes.Buffer
	require.Equal(j.t, cli.ExitFailed, cli.Run(ctx, j.startArgs(command, extra...), &stdout, &stderr), "it started: %s", stderr.String())
	require.NotContains(j.t, stderr.String(), "testsecret")

	lines := strings.Split(strings.TrimSpace(stderr.String()), "\n")
	var last struct{ Level, Error string }
	require.NoError(j.t, json.Unmarshal([]byte(lines[len(lines)-1]), &last), stderr.String())
	require.Equal(j.t, "ERROR", last.Level)
	return last.Error
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

// await waits until the log matches the pattern, and returns its first group.
func (b *logBuffer) await(t *testing.T, pattern *regexp.Regexp) (group string) {
	t.Helper()
	eventually(t, "log line "+pattern.String(), func() (bool, any) {
		log := b.String()
		match := pattern.FindStringSubmatch(log)
		if match != nil {
			group = match[1]
		}
		return match != nil, log
	})
	return group
}

// answer is a response with its whole body.
type answer struct {
	status int
	header http.Header
	body   string
}

func (a answer) String() string { return fmt.Sprintf("%d %v %s", a.status, a.header, a.body) }

// ask sends a request as the client a.
func (j *journey) ask(method, address string, headers ...string) answer {
	j.t.Helper()
	return send(j.t, http.DefaultTransport, method, address, "", headers...)
}

// send sends a request as the client a, unless a header Authorization is given; none
// means no credentials.
func send(t *testing.T, transport http.RoundTripper, method, address, body string, headers ...string) answer {
	t.Helper()
	ctx, cancel := context.WithTimeout(t.Context(), patience)
	defer cancel()
	request, err := http.NewRequestWithContext(ctx, method, address, strings.NewReader(body))
	require.NoError(t, err)
	request.SetBasicAuth("a", "swordfish")
	for i := 0; i+1 < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	if request.Header.Get("Authorization") == "none" {
		request.Header.Del("Authorization")
	}
	response, err := transport.RoundTrip(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	content, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response.StatusCode, response.Header, string(content)}
}

// awaitEnd polls the status of an export until the export has ended. get sends a request.
func awaitEnd(t *testing.T, location string, get func(location string) answer) (ended answer) {
	t.Helper()
	eventually(t, "end of the export", func() (bool, any) {
		ended = get(location)
		running := ended.status == http.StatusAccepted || ended.header.Get("X-Export-Status") == "202 Accepted"
		if running {
			require.Regexp(t, `^\d+%( \(.+\))?$`, ended.header.Get("X-Progress"))
		}
		return !running && ended.status != http.StatusTooManyRequests, ended
	})
	return ended
}

// poll polls the status of an export until the export has ended.
func (j *journey) poll(location string) answer {
	j.t.Helper()
	return awaitEnd(j.t, location, func(location string) answer { return j.ask(http.MethodGet, location) })
}

// requireReady waits until the readiness of a process has this status.
func (j *journey) requireReady(address string, status int) (body string) {
	j.t.Helper()
	eventually(j.t, fmt.Sprintf("readiness %d", status), func() (bool, any) {
		got := j.ask(http.MethodGet, address+"/ready")
		body = got.body
		return got.status == status, got
	})
	return body
}

// requireSQL waits until a query of the state database returns true.
func (j *journey) requireSQL(sql string) {
	j.t.Helper()
	conn, err := pgx.Connect(j.t.Context(), j.database)
	require.NoError(j.t, err)
	defer func() { _ = conn.Close(context.Background()) }()
	awaitSQL(j.t, conn, sql)
}

// awaitSQL waits until a query returns true.
func awaitSQL(t *testing.T, db interface {
	QueryRow(ctx context.Context, sql string, args ...any) pgx.Row
}, sql string,
) {
	t.Helper()
	eventually(t, sql, func() (met bool, state any) {
		require.NoError(t, db.QueryRow(t.Context(), sql).Scan(&met))
		return met, met
	})
}

// outcomes returns the lines of the files under error of a manifest.
func (j *journey) outcomes(manifest answer) (lines []string) {
	j.t.Helper()
	_, errors, found := strings.Cut(manifest.body, `"error": [`)
	require.True(j.t, found, manifest.body)
	for _, link := range regexp.MustCompile(`"url":"([^"]+)"`).FindAllStringSubmatch(errors, -1) {
		file := j.ask(http.MethodGet, link[1])
		require.Equal(j.t, http.StatusOK, file.status)
		lines = append(lines, strings.Split(strings.TrimSpace(file.body), "\n")...)
	}
	return lines
}

// newRole creates a role that may only log in, and returns its name and the URL of the
// database for it.
func newRole(t *testing.T, database string) (role, address string) {
	t.Helper()
	role = "sluice_test_" + strings.ToLower(rand.Text())
	sourcetest.Execute(t, database, `CREATE ROLE `+role+` LOGIN PASSWORD 'another long one'`)
	t.Cleanup(func() { sourcetest.Execute(t, database, `DROP OWNED BY `+role+`; DROP ROLE `+role) })
	u, err := url.Parse(database)
	require.NoError(t, err)
	u.User = url.UserPassword(role, "another long one")
	return role, u.String()
}

// withOptions returns the URL of a database with options of its sessions.
func withOptions(t *testing.T, database, options string) string {
	t.Helper()
	u, err := url.Parse(database)
	require.NoError(t, err)
	query := u.Query()
	query.Set("options", options)
	u.RawQuery = strings.ReplaceAll(query.Encode(), "+", "%20") // as libpq expects it
	return u.String()
}
