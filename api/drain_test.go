package api_test

import (
	"io"
	"log/slog"
	"net"
	"strings"
	"testing"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
	"github.com/seed-90096f4d/sluice/auth"
)

// requireClosed waits until the server accepts no new connection.
func (b *testBundle) requireClosed(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(b.URL, "http://"))
		return err != nil || conn.Close() != nil
	}, apitest.Patience, apitest.Tick)
}

// TestDrain: a dump that runs when the server stops is finished.
func TestDrain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	open := b.gate(t)

	_, body := b.begin(t, "/Patient/$dump")
	b.Stop()
	b.requireClosed(t)
	require.Len(t, b.readers(t), 1, "it goes on")
	open()
	requireRest(t, body)
	<-b.Served
}

// TestDrainTimeout: a request that exceeds the drain timeout is cut off visibly, and its
// query ends.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) { config.ShutdownTimeout = 50 * time.Millisecond })
	b.gate(t)

	_, body := b.begin(t, "/Patient/$dump")
	b.Stop()
	_, err := io.Copy(io.Discard, body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	<-b.Served
	require.Empty(t, b.readers(t), "Serve returns when all is over")
	require.Contains(t, b.Logs.String(), "shutdown timeout exceeded")
	require.Contains(t, b.Logs.String(), `"path":"/Patient/$dump"`)
	require.NotContains(t, b.Logs.String(), `"level":"ERROR"`, "nothing else has ended it")
}

// TestServeWithoutListener: a listener that fails is an error, unlike an unavailable
// state database.
func TestServeWithoutListener(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	away, err := pgxpool.New(t.Context(), "postgres://127.0.0.1:1/away")
	require.NoError(t, err)
	t.Cleanup(away.Close)
	server := api.New(api.Config{Clients: auth.NewClients(away), Logger: slog.New(slog.DiscardHandler)})
	require.ErrorIs(t, server.Serve(t.Context(), listener), net.ErrClosed)
}
