package api_test

import (
	"context"
	"errors"
	"net/http"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/telemetry"
)

func TestHealth(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) {
		config.Ready = telemetry.NewReadiness(config.Logger, telemetry.Check{Name: "bucket", Do: func(context.Context) error { return errors.New("the bucket is away") }})
	})
	b.DB.Close()

	request := b.Request(t, http.MethodGet, "/health")
	request.Header.Del("Authorization")
	got := b.Do(t, request)
	require.Equal(t, http.StatusOK, got.StatusCode, "the process is alive")
	require.JSONEq(t, `{"status": "ok"}`, got.Text)
	require.Equal(t, "application/json", got.Header.Get("Content-Type"))
}

func TestReady(t *testing.T) {
	t.Parallel()
	var b *testBundle
	b = setup(t, func(config *api.Config) {
		config.Ready = telemetry.NewReadiness(config.Logger,
			telemetry.Check{Name: "database", Do: func(ctx context.Context) error { return b.DB.Ping(ctx) }},
			telemetry.Check{Name: "source", Do: func(ctx context.Context) error { return b.Source.Ping(ctx) }},
		)
	})
	ready := func() apitest.Answer {
		request := b.Request(t, http.MethodGet, "/ready")
		request.Header.Del("Authorization")
		return b.Do(t, request)
	}
	got := ready()
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.JSONEq(t, `{"ready": true, "checks": {"database": "ok", "source": "ok"}}`, got.Text)

	b.DB.Close()
	require.Eventually(t, func() bool {
		got = ready()
		return got.StatusCode == http.StatusServiceUnavailable
	}, apitest.Patience, apitest.Tick)
	require.JSONEq(t, `{"ready": false, "checks": {"database": "failing", "source": "ok"}}`, got.Text)
	require.Contains(t, b.Logs.String(), "closed pool", "why is the operator's business")
}

// TestReadyIsCheap: frequent requests do not cause frequent queries.
func TestReadyIsCheap(t *testing.T) {
	t.Parallel()
	var asked atomic.Int32
	b := setup(t, func(config *api.Config) {
		config.Ready = telemetry.NewReadiness(config.Logger, telemetry.Check{Name: "database", Do: func(context.Context) error { asked.Add(1); return nil }})
	})
	begin := time.Now()
	var asking sync.WaitGroup
	for range 50 {
		asking.Go(func() { b.Get(t, "/ready") })
	}
	asking.Wait()
	require.LessOrEqual(t, int(asked.Load()), 1+int(time.Since(begin)/time.Second))
}

// TestReadySideBySide: checks run concurrently, so a slow one does not delay the others.
func TestReadySideBySide(t *testing.T) {
	t.Parallel()
	other := make(chan struct{})
	b := setup(t, func(config *api.Config) {
		config.Ready = telemetry.NewReadiness(config.Logger,
			telemetry.Check{Name: "slow", Do: func(ctx context.Context) error {
				select {
				case <-other:
					return nil
				case <-ctx.Done():
					return ctx.Err()
				}
			}},
			telemetry.Check{Name: "other", Do: func(context.Context) error { close(other); return nil }},
		)
	})
	got := b.Get(t, "/ready")
	require.Equal(t, http.StatusOK, got.StatusCode)
	require.JSONEq(t, `{"ready": true, "checks": {"slow": "ok", "other": "ok"}}`, got.Text)
}
