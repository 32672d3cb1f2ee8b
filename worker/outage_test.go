package worker_test

import (
	"context"
	"fmt"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// countAttempts limits the attempts of future jobs: one that is wrongly counted then
// fails the export.
func (f *fixture) countAttempts(t *testing.T, most int) {
	t.Helper()
	f.exec(t, fmt.Sprintf(`
		CREATE FUNCTION count_attempts() RETURNS trigger LANGUAGE plpgsql AS
			'BEGIN new.max_attempts := %d; RETURN new; END';
		CREATE TRIGGER count_attempts BEFORE INSERT ON sluice.river_job FOR EACH ROW EXECUTE FUNCTION count_attempts()`, most))
}

// awaitWaiting waits until the export waits for this reason.
func (f *fixture) awaitWaiting(t *testing.T, id uuid.UUID, reason string) {
	t.Helper()
	f.eventually(t, "it waits: "+reason, func() bool {
		export, err := f.store.Get(t.Context(), id)
		require.NoError(t, err)
		require.Contains(t, []jobs.State{jobs.Accepted, jobs.Running}, export.State, export.Failure)
		return export.WaitingSince != nil && export.WaitingReason == reason
	})
}

// awaitSnoozes waits until jobs were snoozed n times in total.
func (f *fixture) awaitSnoozes(t *testing.T, n int) {
	t.Helper()
	f.eventually(t, "jobs are put off", func() bool {
		return f.count(t, `SELECT coalesce(sum((metadata->>'snoozes')::integer), 0) FROM sluice.river_job`) >= n
	})
}

// requireFewWaits fails unless the log has a line for the beginning and one for the end
// of each wait, and returns how many there are: one, or two if a part has found out about
// the outage only after another has ended the first wait.
func requireFewWaits(t *testing.T, log *logBuffer) int {
	t.Helper()
	begun := strings.Count(log.String(), `"msg":"export waiting"`)
	require.Contains(t, []int{1, 2}, begun, log.String())
	require.Equal(t, begun, strings.Count(log.String(), `"msg":"export no longer waiting"`), log.String())
	return begun
}

// answer is the error that a store responds with.
type answer struct {
	status int
	code   string
}

// weather is a proxy for the store that can respond with errors.
type weather struct {
	url    string
	answer atomic.Pointer[answer] // nil passes requests on

	denyDeletes atomic.Bool
	full        atomic.Bool // writes are refused
}

func newWeather(t *testing.T, bucketURL string) *weather {
	t.Helper()
	u, err := url.Parse(bucketURL)
	require.NoError(t, err)
	target := u.Host
	transport := &http.Transport{DisableCompression: true}
	t.Cleanup(transport.CloseIdleConnections)
	pass := &httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.Out.URL.Scheme, r.Out.URL.Host = "http", target
			r.Out.Host = r.In.Host // it is signed
		},
		Transport: transport,
	}
	w := &weather{}
	server := httptest.NewServer(http.HandlerFunc(func(out http.ResponseWriter, r *http.Request) {
		instead := w.answer.Load()
		if w.denyDeletes.Load() && (r.Method == http.MethodDelete || r.URL.Query().Has("delete")) {
			instead = &answer{http.StatusForbidden, "AccessDenied"}
		}
		if w.refusesWrite(r) {
			instead = &answer{http.StatusInsufficientStorage, "XMinioStorageFull"}
		}
		if instead == nil {
			pass.ServeHTTP(out, r)
			return
		}
		out.WriteHeader(instead.status)
		_, _ = fmt.Fprintf(out, "<Error><Code>%s</Code><Message>no</Message></Error>", instead.code)
	}))
	t.Cleanup(server.Close)
	u.Host = server.Listener.Addr().String()
	w.url = u.String()
	return w
}

// A service that all processes need is unavailable during an export, for longer than
// any number of attempts would last. The export waits, says so, and is complete in the
// end.
func TestOutage(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		reason string
		// prepare returns the options of the worker, and functions that start and end
		// the outage.
		prepare func(t *testing.T, f *fixture) (opts options, fail, mend func())
	}{
		"SourceRefuses": {"the source database cannot be reached", func(t *testing.T, f *fixture) (options, func(), func()) {
			t.Helper()
			proxy := newProxy(t, f.sourceURL)
			return options{sourceURL: proxy.url}, proxy.refuse, proxy.serve
		}},
		"SourceHasNoConnections": {"the source database has no resources left", func(t *testing.T, f *fixture) (options, func(), func()) {
			t.Helper()
			return options{}, func() {
				f.exec(t, `ALTER ROLE `+f.role+` CONNECTION LIMIT 0`)
				f.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE `+sessions)
			}, func() { f.exec(t, `ALTER ROLE `+f.role+` CONNECTION LIMIT -1`) }
		}},
		"StoreRefuses": {"the object store cannot be reached", func(t *testing.T, f *fixture) (options, func(), func()) {
			t.Helper()
			proxy := newProxy(t, f.bucketURL)
			return options{bucketURL: proxy.url}, proxy.refuse, proxy.serve
		}},
		"StoreFull": {"the object store is full", func(t *testing.T, f *fixture) (options, func(), func()) {
			t.Helper()
			store := newWeather(t, f.bucketURL)
			return options{bucketURL: store.url}, func() { store.answer.Store(&answer{http.StatusInsufficientStorage, "XMinioStorageFull"}) },
				func() { store.answer.Store(nil) }
		}},
		"StoreFails": {"the object store responds with errors", func(t *testing.T, f *fixture) (options, func(), func()) {
			t.Helper()
			store := newWeather(t, f.bucketURL)
			return options{bucketURL: store.url}, func() { store.answer.Store(&answer{http.StatusServiceUnavailable, "SlowDown"}) },
				func() { store.answer.Store(nil) }
		}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, setup())
			f.countAttempts(t, 1)
			open := f.gate(t, "patient")
			opts, fail, mend := test.prepare(t, f)
			log := &logBuffer{}
			opts.logger, opts.slots, opts.partBytes = slog.New(slog.NewJSONHandler(log, nil)), 2, 8*8192
			running := f.start(t, opts)
			id := f.accept(t, jobs.Request{})
			f.awaitReaders(t, 2)
			fail()
			open()
			f.awaitWaiting(t, id, test.reason)
			f.awaitSnoozes(t, 4)
			mend()
			export := f.await(t, id, jobs.Completed)
			require.Nil(t, export.WaitingSince)
			f.requireWhole(t, export)
			require.LessOrEqual(t, export.Generation, 2)
			running.stop(t)
			requireFewWaits(t, log)
		})
	}
}

// An export that is accepted while the source is unreachable waits, too.
func TestOutageBeforeTheBegin(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.countAttempts(t, 1)
	proxy := newProxy(t, f.sourceURL)
	proxy.refuse()
	f.start(t, options{sourceURL: proxy.url})
	id := f.accept(t, jobs.Request{})
	f.awaitWaiting(t, id, "the source database cannot be reached")
	f.awaitSnoozes(t, 3)
	proxy.serve()
	export := f.await(t, id, jobs.Completed)
	require.Equal(t, 1, export.Generation, "nothing was read before")
	f.requireWhole(t, export)
}

// The state database is unreachable for longer than a lease lasts. The processes
// survive, so no attempt is counted.
func TestStateDatabaseUnreachable(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.countAttempts(t, 1)
	open := f.gate(t, "patient")
	proxy := newProxy(t, f.url)
	log := &logBuffer{}
	running := f.start(t, options{stateURL: proxy.url, slots: 2, logger: slog.New(slog.NewJSONHandler(log, nil))})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 1)
	proxy.refuse()
	f.eventually(t, "the leases have run out", func() bool {
		return f.count(t, `SELECT count(*) FROM sluice.part WHERE state = 'running' AND lease_until > now() - interval '5 s'`) == 0
	})
	proxy.serve()
	f.eventually(t, "the part is read again", func() bool { return f.count(t, atGateSQL) == 1 })
	open()
	f.requireWhole(t, f.await(t, id, jobs.Completed))
	f.eventually(t, "the end of the outage is logged", func() bool {
		return strings.Contains(log.String(), "state database reachable again")
	})
	running.stop(t)
	require.Equal(t, 1, strings.Count(log.String(), "could not check for abandoned jobs"))
	require.Equal(t, 1, strings.Count(log.String(), "state database reachable again"))
	require.LessOrEqual(t, strings.Count(log.String(), "Error fetching jobs"), 2, "River repeats itself")
}

// An export that has waited for the outage limit fails.
func TestOutageLimit(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	proxy := newProxy(t, f.sourceURL)
	proxy.refuse()
	f.start(t, options{sourceURL: proxy.url, outageLimit: 2 * time.Second})
	id := f.accept(t, jobs.Request{})
	export := f.await(t, id, jobs.Failed)
	require.Equal(t, "the source database cannot be reached; gave up after 2s", export.Failure)
	f.requireNothing(t, id)
}

// An export that waits fails at its maximum age, too.
func TestOutageBeyondMaxAge(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	proxy := newProxy(t, f.sourceURL)
	proxy.refuse()
	f.start(t, options{sourceURL: proxy.url, maxAge: 3 * time.Second})
	id := f.accept(t, jobs.Request{})
	export := f.await(t, id, jobs.Failed)
	require.Equal(t, "the export took longer than the server allows", export.Failure)
}

// A part that is read again after an outage may take longer than the limit.
func TestOutageLimitSparesWork(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "patient")
	store := newWeather(t, f.bucketURL)
	f.start(t, options{bucketURL: store.url, outageLimit: time.Hour})
	id := f.accept(t, jobs.Request{Types: []string{"Patient"}})
	f.awaitReaders(t, 1)
	store.answer.Store(&answer{http.StatusServiceUnavailable, "SlowDown"})
	open()
	f.awaitWaiting(t, id, "the object store responds with errors")
	closed, err := pgx.Connect(t.Context(), f.url)
	require.NoError(t, err)
	defer func() { _ = closed.Close(context.WithoutCancel(t.Context())) }()
	_, err = closed.Exec(t.Context(), `SELECT pg_advisory_lock(1)`)
	require.NoError(t, err)
	store.answer.Store(nil)
	f.eventually(t, "the part is read again", func() bool { return f.count(t, atGateSQL) == 1 })
	f.exec(t, `UPDATE sluice.export SET waiting_since = waiting_since - interval '2 hours'`)
	const renewedSQL = `SELECT extract(epoch FROM lease_until)::bigint FROM sluice.part WHERE state = 'running'`
	start := f.count(t, renewedSQL)
	f.eventually(t, "the limit was checked several times", func() bool {
		require.Equal(t, 1, f.count(t, `SELECT count(*) FROM sluice.export WHERE state = 'running' AND waiting_since IS NOT NULL`), "it fails")
		return f.count(t, renewedSQL) > start+3*int(jobs.ReclaimInterval.Seconds())
	})
	require.NoError(t, closed.Close(t.Context()))
	f.await(t, id, jobs.Completed)
}

// The wait ends while a long part is read, so that the next outage has its own.
func TestWaitEndsWithProgress(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.exec(t, `
		INSERT INTO patient (id, txid, resource) SELECT 'slow-' || n, n, jsonb_build_object('x', repeat(md5(n::text), 100)) FROM generate_series(1, 5000) AS n;
		CREATE FUNCTION slow() RETURNS boolean LANGUAGE plpgsql AS 'BEGIN PERFORM pg_sleep(0.01); RETURN true; END';
		ALTER TABLE patient ENABLE ROW LEVEL SECURITY;
		CREATE POLICY slow ON patient USING (slow())`)
	f.start(t, options{slots: 1, partBytes: 1 << 30})
	f.accept(t, jobs.Request{Types: []string{"Patient"}})
	f.eventually(t, "the part is read", func() bool {
		return f.count(t, `SELECT count(*) FROM sluice.part WHERE bytes_read > 0`) == 1
	})
	f.exec(t, `UPDATE sluice.export SET waiting_since = now(), waiting_reason = 'why'`)
	f.eventually(t, "the reader is terminated", func() bool {
		return f.count(t, `SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity WHERE wait_event = 'PgSleep' AND `+sessions) > 0
	})
	f.eventually(t, "the wait ends", func() bool {
		require.Zero(t, f.count(t, `SELECT parts_done FROM sluice.export`), "it is still read")
		return f.count(t, `SELECT count(*) FROM sluice.export WHERE waiting_since IS NULL`) == 1
	})
}
