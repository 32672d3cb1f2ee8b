package transfer_test

import (
	"bytes"
	"compress/gzip"
	"context"
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"path/filepath"
	"sync"
	"testing"
	"time"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/transfer"
)

func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m, // but for idle connections to a store
		goleak.IgnoreAnyFunction("net/http.(*persistConn).readLoop"), goleak.IgnoreAnyFunction("net/http.(*persistConn).writeLoop"))
}

// patients is the file of most tests.
var patients = fetchtest.File{Type: "Patient", Name: "Patient.ndjson", Lines: 1000}

// links reads the manifest of an export for the link to a file.
type links struct {
	t         *testing.T
	client    *http.Client
	status    string
	authorize bool

	mu      sync.Mutex
	link    *url.URL
	renewed int
	err     error
}

// newLinks starts an export at a server and returns the links of its first file.
func newLinks(t *testing.T, server *fetchtest.Server) *links {
	t.Helper()
	l := &links{t: t, client: server.Client()}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.BaseURL+"/$export", http.NoBody)
	require.NoError(t, err)
	request.Header.Set("Accept", "application/fhir+json")
	request.Header.Set("Prefer", "respond-async")
	request.SetBasicAuth("client", "secret")
	response, err := l.client.Do(request)
	require.NoError(t, err)
	require.NoError(t, response.Body.Close())
	require.Equal(t, http.StatusAccepted, response.StatusCode)
	l.status = response.Header.Get("Content-Location")
	l.read(t.Context())
	return l
}

// read reads the manifest.
func (l *links) read(ctx context.Context) {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, l.status, http.NoBody)
	require.NoError(l.t, err)
	request.SetBasicAuth("client", "secret")
	response, err := l.client.Do(request)
	require.NoError(l.t, err)
	defer func() { _ = response.Body.Close() }()
	require.Equal(l.t, http.StatusOK, response.StatusCode)
	var manifest struct {
		RequiresAccessToken bool
		Output              []struct{ URL string }
	}
	require.NoError(l.t, json.NewDecoder(response.Body).Decode(&manifest))
	link, err := url.Parse(manifest.Output[0].URL)
	require.NoError(l.t, err)
	l.mu.Lock()
	defer l.mu.Unlock()
	l.link, l.authorize = link, manifest.RequiresAccessToken
}

// Link implements transfer.Links.
func (l *links) Link() (*url.URL, bool) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.link, l.authorize
}

// Renew implements transfer.Links.
func (l *links) Renew(ctx context.Context) error {
	l.renewed++
	if l.err != nil {
		return l.err
	}
	if l.status != "" {
		l.read(ctx)
	}
	return nil
}

// basic is the login of tests.
type basic struct {
	bearer   bool // instead
	rejected int
	renews   bool
	err      error
}

// Authorize implements access.Authorizer.
func (b *basic) Authorize(_ context.Context, r *http.Request) error {
	r.SetBasicAuth("client", "secret")
	if b.bearer {
		r.Header.Set("Authorization", "Bearer secret")
	}
	return b.err
}

// Rejected implements access.Authorizer.
func (b *basic) Rejected(*http.Request) bool {
	b.rejected++
	return b.renews
}

// recorder is the progress and congestion of tests.
type recorder struct {
	mu        sync.Mutex
	total     int64
	done      int64
	resets    []int64
	reached   []int64 // at each reset
	congested int
	onAdd     func(done int64)
}

func (r *recorder) Total(n int64) { r.total = n }

func (r *recorder) Add(n int) {
	r.done += int64(n)
	if r.onAdd != nil {
		r.onAdd(r.done)
	}
}

func (r *recorder) Reset(n int64) {
	r.reached = append(r.reached, r.done)
	r.done = n
	r.resets = append(r.resets, n)
}

func (r *recorder) Congested() {
	r.mu.Lock()
	defer r.mu.Unlock()
	r.congested++
}

// fixture is a directory and what the state of a run has.
type fixture struct {
	t      *testing.T
	dir    string
	links  *links
	origin transfer.Origin
	seen   recorder
	login  basic
	expect transfer.Expectation
	client *http.Client
	opts   transfer.Options
	warn   func(string)
	base   *url.URL // of the server; nil: on the host of the link
}

// newFixture returns the fixture for the first file of a server, which is verified
// completely.
func newFixture(t *testing.T, server *fetchtest.Server, f fetchtest.File) *fixture {
	t.Helper()
	return &fixture{
		t: t, dir: t.TempDir(), links: newLinks(t, server), client: server.Client(), expect: expectation(f.NDJSON()),
		opts: transfer.Options{RetryFor: time.Minute, StallTimeout: 10 * time.Minute},
	}
}

// expectation is what is known about an ndjson file of patients.
func expectation(plain []byte) transfer.Expectation {
	sum := sha256.Sum256(plain)
	return transfer.Expectation{
		Type: "Patient", Count: int64(bytes.Count(plain, []byte("\n"))), Size: int64(len(plain)), SHA256: hex.EncodeToString(sum[:]),
	}
}

// run downloads the file as a new process does.
func (f *fixture) run(ctx context.Context) (transfer.Stored, error) {
	f.t.Helper()
	out, err := output.Directory(f.dir)
	require.NoError(f.t, err)
	file, err := out.Create(ctx, "Patient.0001.ndjson")
	require.NoError(f.t, err)
	defer func() { require.NoError(f.t, file.Close()) }()
	base := f.base
	if base == nil {
		base, _ = f.links.Link()
	}
	d := transfer.Download{
		Client: f.client, Base: base, Login: &f.login, Links: f.links, Expect: f.expect, File: file, Name: "Patient.0001.ndjson",
		Options: f.opts, Progress: &f.seen, Congestion: &f.seen, Origin: f.origin, Warn: f.warn,
		Began: func(o transfer.Origin) error { f.origin = o; return nil },
	}
	return d.Run(ctx)
}

// mustRun downloads the file and returns its content.
func (f *fixture) mustRun() (transfer.Stored, []byte) {
	f.t.Helper()
	stored, err := f.run(f.t.Context())
	require.NoError(f.t, err)
	return stored, f.onlyFile(stored.Name)
}

// onlyFile returns the content of the only file of the directory.
func (f *fixture) onlyFile(name string) []byte {
	f.t.Helper()
	entries, err := os.ReadDir(f.dir)
	require.NoError(f.t, err)
	require.Len(f.t, entries, 1)
	require.Equal(f.t, name, entries[0].Name())
	content, err := os.ReadFile(filepath.Join(f.dir, name))
	require.NoError(f.t, err)
	return content
}

// handlerFixture returns the fixture for the patients from a handler, which checks the whole
// file.
func handlerFixture(t *testing.T, handler http.Handler) *fixture {
	t.Helper()
	server := httptest.NewServer(handler)
	t.Cleanup(server.Close)
	link, err := url.Parse(server.URL + "/Patient?signature=123")
	require.NoError(t, err)
	return &fixture{
		t: t, dir: t.TempDir(), links: &links{t: t, link: link}, client: server.Client(), expect: expectation(patients.NDJSON()),
		opts: transfer.Options{RetryFor: time.Minute, StallTimeout: 10 * time.Minute},
	}
}

// partial writes the partial file of an earlier run.
func (f *fixture) partial(content []byte) {
	f.t.Helper()
	require.NoError(f.t, os.WriteFile(filepath.Join(f.dir, "Patient.0001.ndjson.part"), content, 0o600))
}

// gunzip unpacks with the standard library.
func gunzip(t *testing.T, content []byte) []byte {
	t.Helper()
	r, err := gzip.NewReader(bytes.NewReader(content))
	require.NoError(t, err)
	plain, err := io.ReadAll(r)
	require.NoError(t, err)
	return plain
}
