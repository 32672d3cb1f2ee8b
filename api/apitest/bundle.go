// Package apitest starts an API server on real databases and an object store for
// tests, and has what tests of several packages need to use it.
package apitest

import (
	"bytes"
	"context"
	"crypto/rand"
	"fmt"
	"io"
	"log/slog"
	"net"
	"net/http"
	"net/url"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/auth/smart"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/pgsession"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/sourcetest"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
	"github.com/seed-90096f4d/sluice/view/store"
)

// The client of every bundle, which has all scopes.
const (
	ClientID     = "bulk-client"
	ClientSecret = "secret"
)

const (
	// Patience is the deadline for an event that must happen.
	Patience = 2 * time.Minute

	// Tick is the interval at which an event is checked.
	Tick = 20 * time.Millisecond

	// SourceConns is the number of connections to the FHIR tables.
	SourceConns = 4

	// MaxExportsPerClient is the maximum number of exports of one client, more than most
	// tests start.
	MaxExportsPerClient = 50

	// MaxExports is the maximum number of exports.
	MaxExports = 60
)

// Bundle is a server with its databases and object store.
type Bundle struct {
	URL     string
	DB      *pgxpool.Pool // state and FHIR tables
	Source  *source.Source
	Clients *auth.Clients
	Tokens  *smart.Tokens
	Exports *jobs.Store
	Bucket  *storage.Bucket
	HTTP    *http.Client // does not decompress responses
	Logs    *LogBuffer
	Config  api.Config

	// Stop ends the server's context, as a signal to the process does. Served is
	// closed when Serve has returned.
	Stop   context.CancelFunc
	Served chan struct{}
}

// Setup starts a server. It stops with the test.
func Setup(t *testing.T, adjust ...func(*api.Config)) *Bundle {
	t.Helper()
	return SetupOn(t, sourcetest.Database(t), adjust...)
}

// SetupOn is Setup with a database of the caller.
func SetupOn(t *testing.T, databaseURL string, adjust ...func(*api.Config)) *Bundle {
	t.Helper()

	b := &Bundle{Logs: &LogBuffer{}}
	t.Cleanup(func() { b.Logs.RequireDiscreet(t) })
	var err error
	b.Bucket, err = storage.Open(storage.Config{URL: storagetest.Bucket(t)})
	require.NoError(t, err)
	t.Cleanup(b.Bucket.Close)

	stateConfig, err := pgsession.Parse(databaseURL, pgsession.Options{})
	require.NoError(t, err)
	b.DB, err = pgxpool.NewWithConfig(t.Context(), stateConfig)
	require.NoError(t, err)
	t.Cleanup(b.DB.Close)
	_, err = migrations.Up(t.Context(), b.DB)
	require.NoError(t, err)

	b.Aidbox(t, "Patient", "Observation", "Group") // what most tests name in _type

	b.Source, err = source.Open(t.Context(), source.Config{URL: AsReader(t, databaseURL), MaxConns: SourceConns, ResourceTypes: fhir.R4().ResourceTypes(), RowSecurity: true}) // for gate
	require.NoError(t, err)
	t.Cleanup(b.Source.Close)

	b.Clients = auth.NewClients(b.DB)
	require.NoError(t, b.Clients.Add(t.Context(), ClientID, ClientSecret, []string{"system/*.rs"}))
	b.Tokens = smart.NewTokens(b.DB, b.Clients, smart.Config{TTL: 5 * time.Minute})
	b.Exports, err = jobs.New(b.DB, jobs.Config{MaxExportsPerClient: MaxExportsPerClient, MaxExports: MaxExports})
	require.NoError(t, err)

	config := api.Config{
		Bucket:          b.Bucket,
		Clients:         b.Clients,
		ShutdownTimeout: Patience,
		Dumps:           8,
		Exports:         b.Exports,
		LinkTTL:         time.Hour,
		Logger:          slog.New(slog.NewJSONHandler(b.Logs, nil)),
		ResourceTypes:   fhir.R4().ResourceTypes(),
		Source:          b.Source,
		Style:           fhir.Style{CreatedAtURL: fhir.DefaultCreatedAtURL},
		Tokens:          b.Tokens,
		Views:           store.New(b.DB),
	}
	for _, change := range adjust {
		change(&config)
	}
	b.Config = config
	b.Serve(t, api.New(config))
	return b
}

// AsReader returns the URL of the database with the privileges of a role that can
// only read.
func AsReader(t *testing.T, databaseURL string) string {
	t.Helper()
	return as(t, databaseURL, "pg_read_all_data")
}

// as returns the URL of the database with the privileges of a role.
func as(t *testing.T, databaseURL, role string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	query := u.Query()
	query.Set("options", "-crole="+role)
	u.RawQuery = query.Encode()
	return u.String()
}

// Serve starts a server as the process does.
func (b *Bundle) Serve(t *testing.T, a *api.API) {
	t.Helper()

	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b.URL = "http://" + listener.Addr().String()

	ctx, stop := context.WithCancel(t.Context())
	served, failure := make(chan struct{}), make(chan error, 1)
	b.Stop, b.Served = stop, served
	go func() {
		defer close(served)
		failure <- a.Serve(ctx, listener)
	}()

	transport := &http.Transport{DisableCompression: true}
	b.HTTP = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		require.NoError(t, <-failure)
	})
}

// Request returns a request of the bundle's client. The target is a path with a query;
// each further pair is a header.
func (b *Bundle) Request(t *testing.T, method, target string, headers ...string) *http.Request {
	t.Helper()
	return b.request(t, method, target, http.NoBody, headers)
}

func (b *Bundle) request(t *testing.T, method, target string, body io.Reader, headers []string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, b.URL+target, body)
	require.NoError(t, err)
	request.SetBasicAuth(ClientID, ClientSecret)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return request
}

// Answer is a response that was read to its end.
type Answer struct {
	*http.Response

	Text string // the body
}

// Do sends the request and reads the whole response.
func (b *Bundle) Do(t *testing.T, request *http.Request) Answer {
	t.Helper()
	got, err := b.send(request)
	require.NoError(t, err)
	return got
}

func (b *Bundle) send(request *http.Request) (Answer, error) {
	response, err := b.HTTP.Do(request)
	if err != nil {
		return Answer{}, err
	}
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	return Answer{response, string(body)}, err
}

// Later sends the request and returns a function that waits for the response.
func (b *Bundle) Later(t *testing.T, request *http.Request) (wait func() (Answer, error)) {
	t.Helper()
	var got Answer
	failure := make(chan error, 1)
	go func() {
		var err error
		got, err = b.send(request)
		failure <- err
	}()
	return func() (Answer, error) {
		err := <-failure
		return got, err
	}
}

// Get sends a GET request of the bundle's client.
func (b *Bundle) Get(t *testing.T, target string, headers ...string) Answer {
	t.Helper()
	return b.Do(t, b.Request(t, http.MethodGet, target, headers...))
}

// Exec runs a statement in the database.
func (b *Bundle) Exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := b.DB.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// Aidbox creates the tables of the resource types with Aidbox's layout.
func (b *Bundle) Aidbox(t *testing.T, resourceTypes ...string) {
	t.Helper()
	b.Exec(t, `DO $$ BEGIN
		CREATE TYPE resource_status AS ENUM ('created', 'updated', 'deleted', 'recreated');
	EXCEPTION WHEN duplicate_object THEN END $$`)
	for _, resourceType := range resourceTypes {
		for suffix, key := range map[string]string{"": "id", "_history": "id, txid"} {
			b.Exec(t, fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %q (
				id text NOT NULL, txid bigint NOT NULL,
				ts timestamptz DEFAULT current_timestamp, cts timestamptz DEFAULT current_timestamp,
				resource_type text DEFAULT '%s', status resource_status NOT NULL, resource jsonb NOT NULL,
				PRIMARY KEY (%s))`, strings.ToLower(resourceType)+suffix, resourceType, key))
		}
	}
}

// ReadAs starts another server, which replaces the first one in the bundle and whose
// role can read only these tables.
func (b *Bundle) ReadAs(t *testing.T, tables string) {
	t.Helper()
	role := "sluice_test_" + strings.ToLower(rand.Text())
	b.Exec(t, `CREATE ROLE `+role+`; GRANT SELECT ON `+tables+` TO `+role)
	t.Cleanup(func() {
		_, err := b.DB.Exec(context.Background(), `DROP OWNED BY `+role+`; DROP ROLE `+role)
		require.NoError(t, err)
	})
	config := b.Config
	var err error
	config.Source, err = source.Open(t.Context(), source.Config{URL: as(t, b.DB.Config().ConnString(), role), MaxConns: SourceConns, ResourceTypes: config.ResourceTypes})
	require.NoError(t, err)
	t.Cleanup(config.Source.Close)
	b.Serve(t, api.New(config))
}

// RequireDiscreet checks that the log contains no link, no credentials and no hash of a
// secret.
func (l *LogBuffer) RequireDiscreet(t *testing.T) {
	t.Helper()
	for _, secret := range []string{"X-Amz-", "Signature=", "$argon2", "testsecret", "Basic ", "Bearer "} {
		require.NotContains(t, l.String(), secret)
	}
}

// LogBuffer collects log lines.
type LogBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *LogBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *LogBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
