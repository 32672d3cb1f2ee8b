package jobs_test

import (
	"context"
	"errors"
	"testing"
	"time"

	"github.com/jackc/pgx/v5"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/jobs"
)

// observed returns a store whose events are collected, and a function that returns and
// forgets the kinds and reasons of those so far.
func (f *fixture) observed(t *testing.T) (*jobs.Store, func() [][2]string) {
	t.Helper()
	var events [][2]string
	store, err := jobs.New(f.db, jobs.Config{ReuseRunning: true, Observe: func(_ context.Context, event jobs.Event) {
		require.Equal(t, client, event.ClientID)
		require.NotZero(t, event.ExportID)
		events = append(events, [2]string{string(event.Kind), event.Reason})
	}})
	require.NoError(t, err)
	return store, func() [][2]string {
		former := events
		events = nil
		return former
	}
}

// An event is observed after its transaction has committed, and only then.
func TestObserve(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	store, events := f.observed(t)
	ctx := t.Context()
	request := jobs.Request{Types: []string{"Patient"}}

	id, err := store.Accept(ctx, client, request)
	require.NoError(t, err)
	same, err := store.Accept(ctx, client, request)
	require.NoError(t, err)
	require.Equal(t, id, same)
	require.Equal(t, [][2]string{{"accepted", ""}}, events(), "an export that is reused was not accepted again")

	_, err = store.Begin(ctx, id)
	require.NoError(t, err)
	export, err := store.Begin(ctx, id)
	require.NoError(t, err)
	require.Empty(t, events(), "it was not planned before")
	require.NoError(t, store.Start(ctx, export, plan(id)))
	require.ErrorIs(t, store.Start(ctx, jobs.Export{ID: id}, plan(id)), jobs.ErrStale)
	require.Equal(t, [][2]string{{"started", ""}}, events())

	_, err = store.Begin(ctx, id)
	require.NoError(t, err)
	require.Equal(t, [][2]string{{"taken over", ""}}, events(), "all its parts are done")
	_, err = f.db.Exec(ctx, `UPDATE sluice.export SET parts_total = 1`)
	require.NoError(t, err)
	_, err = store.Restart(ctx, id, jobs.TableRewritten)
	require.NoError(t, err)
	require.Equal(t, [][2]string{{"restarted", "table_rewritten"}}, events())
	export, err = store.Begin(ctx, id)
	require.NoError(t, err)
	require.Empty(t, events(), "the restarted export was not planned")
	require.NoError(t, store.Start(ctx, export, plan(id)))
	require.NoError(t, store.SetSnapshot(ctx, export, "other"))
	require.Equal(t, [][2]string{{"started", ""}, {"taken over", ""}}, events())

	broken := errors.New("broken")
	require.ErrorIs(t, store.Complete(ctx, export, time.Hour, nil, func(context.Context, jobs.Export) error { return broken }), broken)
	require.Empty(t, events())
	require.NoError(t, store.Complete(ctx, export, -time.Second, nil, noManifest))
	require.ErrorIs(t, store.Fail(ctx, id, "late"), jobs.ErrStale)
	require.NoError(t, store.Expire(ctx))
	require.NoError(t, store.Expire(ctx))
	record := func(context.Context, pgx.Tx, jobs.Export) error { return nil }
	require.ErrorIs(t, store.CancelByOperator(ctx, id, func(context.Context, pgx.Tx, jobs.Export) error { return broken }), broken)
	require.NoError(t, store.CancelByOperator(ctx, id, record))
	require.ErrorIs(t, store.CancelByOperator(ctx, id, record), jobs.ErrStale)
	require.Equal(t, [][2]string{{"completed", ""}, {"expired", ""}, {"deleted", "operator"}}, events())
}

// Whoever ends an export before its end is named.
func TestObserveEnds(t *testing.T) {
	t.Parallel()
	f := newFixture(t, 0)
	store, events := f.observed(t)
	ctx := t.Context()
	accept := func(resourceType string) jobs.Export {
		id, err := store.Accept(ctx, client, jobs.Request{Types: []string{resourceType}, Level: jobs.PatientLevel})
		require.NoError(t, err)
		events()
		return f.get(t, id)
	}
	require.NoError(t, store.Fail(ctx, accept("A").ID, "why"))
	require.Equal(t, [][2]string{{"failed", "why"}}, events())
	require.NoError(t, store.Cancel(ctx, accept("B").ID, client))
	require.Equal(t, [][2]string{{"cancelled", "client"}}, events())
	accept("C")
	_, err := store.CancelUnfinished(ctx, client)
	require.NoError(t, err)
	require.Equal(t, [][2]string{{"cancelled", "client expired"}}, events())
	accept("D")
	_, err = store.CancelAll(ctx, client)
	require.NoError(t, err)
	require.Equal(t, [][2]string{{"cancelled", "client removed"}}, events())
}
