package api_test

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
)

// The client that every bundle has. It may take everything.
const (
	clientID     = "bulk-client"
	clientSecret = "secret"
)

const (
	// patience is how long an event may take that is sure to come, tick how
	// often it is looked for.
	patience = 2 * time.Minute
	tick     = 20 * time.Millisecond

	// sourceConns is how many connections there are to read FHIR tables with.
	sourceConns = 4

	// clientExports and totalExports are how many exports may run, more than
	// most tests start.
	clientExports, totalExports = 50, 60
)

// testBundle is a server on real databases, and what it stands on.
type testBundle struct {
	url     string
	db      *pgxpool.Pool // state and FHIR tables
	source  *source.Source
	clients *auth.Clients
	tokens  *smart.Tokens
	exports *jobs.Store
	bucket  *storage.Bucket
	http    *http.Client // sends what it is told to, and unpacks nothing
	logs    *logBuffer
	config  api.Config

	// stop ends the server's context, as a signal to the process does; served
	// is closed when Serve has returned.
	stop   context.CancelFunc
	served chan struct{}
}

// setup starts a server. It stops with the test.
func setup(t *testing.T, adjust ...func(*api.Config)) *testBundle {
	t.Helper()
	return setupOn(t, sourcetest.Database(t), adjust...)
}

// setupOn is setup with a database of the caller.
func setupOn(t *testing.T, databaseURL string, adjust ...func(*api.Config)) *testBundle {
	t.Helper()

	b := &testBundle{logs: &logBuffer{}}
	t.Cleanup(func() { b.logs.requireDiscreet(t) })
	var err error
	b.bucket, err = storage.Open(storage.Config{URL: storagetest.Bucket(t)})
	require.NoError(t, err)
	t.Cleanup(b.bucket.Close)

	stateConfig, err := pgsession.Parse(databaseURL, pgsession.Options{})
	require.NoError(t, err)
	b.db, err = pgxpool.NewWithConfig(t.Context(), stateConfig)
	require.NoError(t, err)
	t.Cleanup(b.db.Close)
	_, err = migrations.Up(t.Context(), b.db)
	require.NoError(t, err)

	b.aidbox(t, "Patient", "Observation", "Group") // what most tests name in _type

	b.source, err = source.Open(t.Context(), source.Config{URL: asReader(t, databaseURL), MaxConns: sourceConns, ResourceTypes: fhir.R4().ResourceTypes(), RowSecurity: true}) // for gate
	require.NoError(t, err)
	t.Cleanup(b.source.Close)

	b.clients = auth.NewClients(b.db)
	require.NoError(t, b.clients.Add(t.Context(), clientID, clientSecret, []string{"system/*.rs"}))
	b.tokens, err = smart.NewTokens(b.db, b.clients, smart.Config{TTL: 5 * time.Minute})
	require.NoError(t, err)
	b.exports, err = jobs.New(b.db, jobs.Config{ClientExports: clientExports, TotalExports: totalExports})
	require.NoError(t, err)

	config := api.Config{
		Bucket:        b.bucket,
		Clients:       b.clients,
		DrainTimeout:  patience,
		Dumps:         8,
		Exports:       b.exports,
		LinkLife:      time.Hour,
		Logger:        slog.New(slog.NewJSONHandler(b.logs, nil)),
		ResourceTypes: fhir.R4().ResourceTypes(),
		Source:        b.source,
		Style:         fhir.Style{CreatedAtURL: fhir.DefaultCreatedAtURL},
		Tokens:        b.tokens,
	}
	for _, change := range adjust {
		change(&config)
	}
	b.config = config
	b.serve(t, api.New(config))
	return b
}

// asReader is the database's URL with the rights of a role that may only read.
func asReader(t *testing.T, databaseURL string) string {
	t.Helper()
	u, err := url.Parse(databaseURL)
	require.NoError(t, err)
	query := u.Query()
	query.Set("options", "-crole=pg_read_all_data")
	u.RawQuery = query.Encode()
	return u.String()
}

// serve starts the server as the process does.
func (b *testBundle) serve(t *testing.T, a *api.API) {
	t.Helper()

	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	b.url = "http://" + listener.Addr().String()

	ctx, stop := context.WithCancel(t.Context())
	served, failure := make(chan struct{}), make(chan error, 1)
	b.stop, b.served = stop, served
	go func() {
		defer close(served)
		failure <- a.Serve(ctx, listener)
	}()

	transport := &http.Transport{DisableCompression: true}
	b.http = &http.Client{Transport: transport}
	t.Cleanup(func() {
		transport.CloseIdleConnections()
		stop()
		require.NoError(t, <-failure)
	})
}

// request prepares a request of the bundle's client. The target is a path with
// its query; each further pair is a header.
func (b *testBundle) request(t *testing.T, method, target string, headers ...string) *http.Request {
	t.Helper()
	request, err := http.NewRequestWithContext(t.Context(), method, b.url+target, http.NoBody)
	require.NoError(t, err)
	request.SetBasicAuth(clientID, clientSecret)
	for i := 0; i < len(headers); i += 2 {
		request.Header.Set(headers[i], headers[i+1])
	}
	return request
}

// answer is a response that has been read to its end.
type answer struct {
	*http.Response

	body string
}

// do sends the request and reads the whole answer.
func (b *testBundle) do(t *testing.T, request *http.Request) answer {
	t.Helper()
	response, err := b.http.Do(request)
	require.NoError(t, err)
	defer func() { _ = response.Body.Close() }()
	body, err := io.ReadAll(response.Body)
	require.NoError(t, err)
	return answer{response, string(body)}
}

// later sends the request and returns at once; what it returns waits for the
// answer.
func (b *testBundle) later(t *testing.T, request *http.Request) (wait func() (answer, error)) {
	t.Helper()
	var got answer
	failure := make(chan error, 1)
	go func() {
		response, err := b.http.Do(request)
		if err == nil {
			var body []byte
			body, err = io.ReadAll(response.Body)
			got = answer{response, string(body)}
			_ = response.Body.Close()
		}
		failure <- err
	}()
	return func() (answer, error) {
		err := <-failure
		return got, err
	}
}

// get asks for the target as the bundle's client.
func (b *testBundle) get(t *testing.T, target string, headers ...string) answer {
	t.Helper()
	return b.do(t, b.request(t, http.MethodGet, target, headers...))
}

func (b *testBundle) exec(t *testing.T, sql string, args ...any) {
	t.Helper()
	_, err := b.db.Exec(t.Context(), sql, args...)
	require.NoError(t, err)
}

// aidbox makes the tables of the resource types as Aidbox lays them out.
func (b *testBundle) aidbox(t *testing.T, resourceTypes ...string) {
	t.Helper()
	b.exec(t, `DO $$ BEGIN
		CREATE TYPE resource_status AS ENUM ('created', 'updated', 'deleted', 'recreated');
	EXCEPTION WHEN duplicate_object THEN END $$`)
	for _, resourceType := range resourceTypes {
		for suffix, key := range map[string]string{"": "id", "_history": "id, txid"} {
			b.exec(t, fmt.Sprintf(`CREATE TABLE IF NOT EXISTS %q (
				id text NOT NULL, txid bigint NOT NULL,
				ts timestamptz DEFAULT current_timestamp, cts timestamptz DEFAULT current_timestamp,
				resource_type text DEFAULT '%s', status resource_status NOT NULL, resource jsonb NOT NULL,
				PRIMARY KEY (%s))`, strings.ToLower(resourceType)+suffix, resourceType, key))
		}
	}
}

// readAs starts another server for the tests that follow, whose role may read only
// these tables.
func (b *testBundle) readAs(t *testing.T, tables string) {
	t.Helper()
	role := "sluice_test_" + strings.ToLower(rand.Text())
	b.exec(t, `CREATE ROLE `+role+`; GRANT SELECT ON `+tables+` TO `+role)
	t.Cleanup(func() {
		_, err := b.db.Exec(context.Background(), `DROP OWNED BY `+role+`; DROP ROLE `+role)
		require.NoError(t, err)
	})
	u, err := url.Parse(b.db.Config().ConnString())
	require.NoError(t, err)
	query := u.Query()
	query.Set("options", "-crole="+role)
	u.RawQuery = query.Encode()
	config := b.config
	config.Source, err = source.Open(t.Context(), source.Config{URL: u.String(), MaxConns: sourceConns, ResourceTypes: config.ResourceTypes})
	require.NoError(t, err)
	t.Cleanup(config.Source.Close)
	b.serve(t, api.New(config))
}

// requireDiscreet: whatever a test did, the log holds no link, no credentials
// and no hash of a secret.
func (l *logBuffer) requireDiscreet(t *testing.T) {
	t.Helper()
	for _, secret := range []string{"X-Amz-", "Signature=", "$argon2", "testsecret", "Basic ", "Bearer "} {
		require.NotContains(t, l.String(), secret)
	}
	require.NotRegexp(t, `sluice_[A-Za-z0-9_-]{48}|sha256:[0-9a-f]{64}`, l.String(), "a generated secret, or its hash")
}

// logBuffer keeps what was logged.
type logBuffer struct {
	mu   sync.Mutex
	text bytes.Buffer
}

func (l *logBuffer) Write(p []byte) (int, error) {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.Write(p)
}

func (l *logBuffer) String() string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return l.text.String()
}
