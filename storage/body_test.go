package storage

import (
	"io"
	"net/http"
	"net/http/httptest"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"
)

// zeros is an endless body that counts what was read.
type zeros struct{ read atomic.Int64 }

func (z *zeros) Read(p []byte) (int, error) {
	clear(p)
	z.read.Add(int64(len(p)))
	return len(p), nil
}

// TestBodyAfterEarlyResponse: a store rejects a part before it has read it, and
// continues to read. Nothing more of the part is sent: its buffer may have the data of
// another part.
func TestBodyAfterEarlyResponse(t *testing.T) {
	t.Parallel()
	goOn, drained := make(chan struct{}), make(chan error, 1)
	store := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		answer := http.NewResponseController(w)
		_ = answer.EnableFullDuplex()
		w.WriteHeader(http.StatusServiceUnavailable)
		_ = answer.Flush()
		<-goOn
		_, err := io.Copy(io.Discard, r.Body)
		drained <- err
	}))
	t.Cleanup(store.Close)
	transport := &http.Transport{}
	t.Cleanup(transport.CloseIdleConnections)

	body := &zeros{}
	request, err := http.NewRequestWithContext(t.Context(), http.MethodPut, store.URL, io.NopCloser(body))
	require.NoError(t, err)
	request.ContentLength = 64 << 20
	answer, err := bodyGuard{transport, newMetrics(nil).sent}.RoundTrip(request)
	require.NoError(t, err)
	defer func() { _ = answer.Body.Close() }()
	require.Equal(t, http.StatusServiceUnavailable, answer.StatusCode)

	read := body.read.Load()
	close(goOn)
	require.Error(t, <-drained, "a truncated body does not look complete")
	require.Equal(t, read, body.read.Load())
}
