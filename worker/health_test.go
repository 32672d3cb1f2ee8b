package worker_test

import (
	"context"
	"log/slog"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// wrongSecret is the bucket's URL with another secret.
func (f *fixture) wrongSecret(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(f.bucketURL)
	require.NoError(t, err)
	u.User = url.UserPassword(u.User.Username(), "wrong")
	return u.String()
}

// wrongBucket is the bucket's URL with a bucket that does not exist.
func (f *fixture) wrongBucket(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(f.bucketURL)
	require.NoError(t, err)
	u.Path = "/no-such-bucket" + u.Path
	return u.String()
}

// A worker that is misconfigured takes no job, and says why.
func TestUnhealthyFromTheStart(t *testing.T) {
	t.Parallel()
	for name, bucketURL := range map[string]func(*fixture, *testing.T) string{
		"WrongSecret": (*fixture).wrongSecret,
		"WrongBucket": (*fixture).wrongBucket,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, setup())
			f.countAttempts(t, 1)
			log := &logBuffer{}
			broken := f.start(t, options{bucketURL: bucketURL(f, t), logger: slog.New(slog.NewJSONHandler(log, nil))})
			f.eventually(t, "it is not ready", func() bool { return broken.worker.Ready(t.Context()) != nil })
			id := f.accept(t, jobs.Request{})
			healthy := f.start(t, options{})
			f.requireWhole(t, f.await(t, id, jobs.Completed))
			require.NoError(t, healthy.worker.Ready(t.Context()))
			require.Equal(t, 1, strings.Count(log.String(), "worker stopped taking jobs"))
			require.Zero(t, f.count(t, `SELECT coalesce(sum((metadata->>'snoozes')::integer), 0) FROM sluice.river_job`))
		})
	}
}

// A worker that becomes unhealthy leaves its jobs to others, without a counted attempt,
// and takes jobs again when it has recovered.
func TestBecomesUnhealthy(t *testing.T) {
	t.Parallel()
	for name, says := range map[string]answer{
		"AccessDenied": {http.StatusForbidden, "AccessDenied"},
		"ExpiredToken": {http.StatusBadRequest, "ExpiredToken"},
		"ClockSkew":    {http.StatusForbidden, "RequestTimeTooSkewed"},
		"NoSuchBucket": {http.StatusNotFound, "NoSuchBucket"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			f := newFixture(t, setup())
			f.countAttempts(t, 1)
			open := f.gate(t, "patient")
			store := newWeather(t, f.bucketURL)
			log := &logBuffer{}
			broken := f.start(t, options{bucketURL: store.url, partBytes: 8 * 8192, slots: 2, logger: slog.New(slog.NewJSONHandler(log, nil))})
			id := f.accept(t, jobs.Request{})
			f.awaitReaders(t, 2)
			store.answer.Store(&says)
			open()
			f.eventually(t, "it is not ready", func() bool { return broken.worker.Ready(t.Context()) != nil })
			f.start(t, options{partBytes: 8 * 8192, slots: 2})
			f.requireWhole(t, f.await(t, id, jobs.Completed))
			require.Error(t, broken.worker.Ready(t.Context()))
			require.Equal(t, 1, strings.Count(log.String(), "worker stopped taking jobs"), log.String())

			store.answer.Store(nil)
			f.eventually(t, "it is ready", func() bool { return broken.worker.Ready(t.Context()) == nil })
			require.Equal(t, 1, strings.Count(log.String(), "worker resumed taking jobs"))
		})
	}
}

// An export fails only if no worker can run it, with a reason that does not repeat the
// store's message.
func TestStoreDenies(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	open := f.gate(t, "patient")
	store := newWeather(t, f.bucketURL)
	f.start(t, options{bucketURL: store.url, outageLimit: 2 * time.Second})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 1)
	store.answer.Store(&answer{http.StatusForbidden, "AccessDenied"})
	open()
	export := f.await(t, id, jobs.Failed)
	require.Equal(t, "the object store denies access; gave up after 2s", export.Failure)
	require.Zero(t, f.count(t, `SELECT count(*) FROM sluice.river_job WHERE kind IN ('sluice_export', 'sluice_part') AND attempt > 1`))
}

// An export that no worker takes, because all are unhealthy, fails after the outage
// limit.
func TestNoHealthyWorker(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.start(t, options{bucketURL: f.wrongSecret(t), outageLimit: 10 * time.Second})
	id := f.accept(t, jobs.Request{})
	f.exec(t, `UPDATE sluice.river_job SET scheduled_at = now() - interval '1 minute'`) // for so long nobody has taken it
	f.awaitWaiting(t, id, "the object store denies access")
	export := f.await(t, id, jobs.Failed)
	require.Equal(t, "the object store denies access; gave up after 10s", export.Failure)
}

// The same if all workers still use the previous location.
func TestAllWorkersHaveMoved(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.start(t, options{outageLimit: 10 * time.Second, check: func(context.Context) error { return jobs.ErrLocationMoved }})
	id := f.accept(t, jobs.Request{})
	f.exec(t, `UPDATE sluice.river_job SET scheduled_at = now() - interval '1 minute'`)
	f.awaitWaiting(t, id, "the worker is connected to a different database or object store")
	export := f.await(t, id, jobs.Failed)
	require.Equal(t, "the worker is connected to a different database or object store; gave up after 10s", export.Failure)
}

// A worker does not write to a state database that is newer than itself.
func TestNewerStateDatabase(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	id := f.accept(t, jobs.Request{})
	f.exec(t, `UPDATE sluice.river_job SET scheduled_at = now() - interval '1 minute'`)
	var checks atomic.Int64
	w := f.start(t, options{check: func(context.Context) error {
		checks.Add(1)
		return jobs.ErrNewer
	}})
	f.eventually(t, "it has checked itself several times", func() bool { return checks.Load() >= 4 })
	require.Error(t, w.worker.Ready(t.Context()))
	export, err := f.store.Get(t.Context(), id)
	require.NoError(t, err)
	require.Equal(t, jobs.Accepted, export.State)
	require.Nil(t, export.WaitingSince)
}

// A worker whose login the source refuses is unhealthy, too.
func TestSourceRefusesLogin(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	f.countAttempts(t, 1)
	open := f.gate(t, "patient")
	w := f.start(t, options{})
	id := f.accept(t, jobs.Request{})
	f.awaitReaders(t, 1)
	f.exec(t, `ALTER ROLE `+f.role+` NOLOGIN`)
	f.exec(t, `SELECT pg_terminate_backend(pid) FROM pg_stat_activity WHERE usename = $1`, f.role)
	open()
	f.awaitWaiting(t, id, "the source database refuses the login")
	f.eventually(t, "all jobs have found that", func() bool {
		return f.count(t, `SELECT count(*) FROM sluice.river_job WHERE state = 'running'`) == 0
	})
	require.Error(t, w.worker.Ready(t.Context()))
	f.exec(t, `ALTER ROLE `+f.role+` LOGIN`)
	f.requireWhole(t, f.await(t, id, jobs.Completed))
	require.NoError(t, w.worker.Ready(t.Context()))
}

// A worker with a loop that hangs says so, so that it is restarted. One whose databases are
// down does not.
func TestAlive(t *testing.T) {
	t.Parallel()
	f := newFixture(t, setup())
	release := make(chan struct{})
	defer close(release)
	var hang atomic.Bool
	hanging := f.start(t, options{check: func(context.Context) error {
		if hang.Load() {
			<-release
		}
		return nil
	}})
	healthy := f.start(t, options{})
	require.NoError(t, hanging.worker.Alive())
	hang.Store(true)
	f.eventually(t, "it is not alive", func() bool { return hanging.worker.Alive() != nil })
	require.ErrorContains(t, hanging.worker.Alive(), "the reclaim loop has been stuck for 3")
	require.NoError(t, healthy.worker.Alive())
}
