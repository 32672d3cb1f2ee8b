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
	"github.com/seed-90096f4d/sluice/auth"
)

// requireClosed waits until the server takes no new connection.
func (b *testBundle) requireClosed(t *testing.T) {
	t.Helper()
	require.Eventually(t, func() bool {
		conn, err := (&net.Dialer{}).DialContext(t.Context(), "tcp", strings.TrimPrefix(b.url, "http://"))
		return err != nil || conn.Close() != nil
	}, patience, tick)
}

// TestDrain: a dump that runs when the server stops is finished.
func TestDrain(t *testing.T) {
	t.Parallel()
	b := setup(t)
	open := b.gate(t)

	_, body := b.begin(t, "/Patient/$dump")
	b.stop()
	b.requireClosed(t)
	require.Len(t, b.readers(t), 1, "it goes on")
	open()
	requireRest(t, body)
	<-b.served
}

// TestDrainTimeout: what takes longer is cut off, visibly, and leaves nothing
// behind.
func TestDrainTimeout(t *testing.T) {
	t.Parallel()
	b := setup(t, func(config *api.Config) { config.DrainTimeout = 50 * time.Millisecond })
	b.gate(t)

	_, body := b.begin(t, "/Patient/$dump")
	b.stop()
	_, err := io.Copy(io.Discard, body)
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	<-b.served
	require.Empty(t, b.readers(t), "Serve returns when all is over")
	require.Contains(t, b.logs.String(), "drain timeout exceeded")
	require.Contains(t, b.logs.String(), `"path":"/Patient/$dump"`)
	require.NotContains(t, b.logs.String(), `"level":"ERROR"`, "nothing else has ended it")
}

// TestServeWithoutListener: a listener that is closed is an error.
func TestServeWithoutListener(t *testing.T) {
	t.Parallel()
	listener, err := (&net.ListenConfig{}).Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, listener.Close())
	unavailable, err := pgxpool.New(t.Context(), "postgres://127.0.0.1:1/unavailable")
	require.NoError(t, err)
	t.Cleanup(unavailable.Close)
	server := api.New(api.Config{Clients: auth.NewClients(unavailable), Logger: slog.New(slog.DiscardHandler)})
	require.ErrorIs(t, server.Serve(t.Context(), listener), net.ErrClosed)
}
