package output_test

import (
	"io"
	"net/http"
	"net/http/httptest"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/output"
)

// TestStallGuard is a response that ends, one that stalls, and a reader that pauses.
func TestStallGuard(t *testing.T) {
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		_, _ = io.WriteString(w, "begin")
		if r.URL.Path == "/stalls" {
			_ = http.NewResponseController(w).Flush()
			<-r.Context().Done()
		}
	}))
	defer server.Close()
	client := &http.Client{Transport: output.StallGuard(server.Client().Transport, 300*time.Millisecond), Timeout: 2 * time.Minute}
	get := func(path string, pause time.Duration) (string, error) {
		request, err := http.NewRequestWithContext(t.Context(), http.MethodGet, server.URL+path, http.NoBody)
		require.NoError(t, err)
		response, err := client.Do(request)
		require.NoError(t, err)
		defer func() { require.NoError(t, response.Body.Close()) }()
		time.Sleep(pause)
		content, err := io.ReadAll(response.Body)
		return string(content), err
	}
	content, err := get("/ends", 600*time.Millisecond)
	require.NoError(t, err)
	require.Equal(t, "begin", content)
	content, err = get("/stalls", 0)
	require.ErrorContains(t, err, "the response of the store has stalled")
	require.Equal(t, "begin", content)
}
