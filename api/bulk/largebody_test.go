package bulk_test

import (
	"io"
	"net/http"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api"
	"github.com/seed-90096f4d/sluice/api/apitest"
)

// TestLargeBodies: concurrent large bodies are limited, and a client that sends slowly
// does not block others.
func TestLargeBodies(t *testing.T) {
	t.Parallel()
	// On a busy machine the slow bodies must not time out before the others came.
	b := setup(t, func(config *api.Config) { config.RequestTimeout = 10 * time.Minute })
	// With Expect: 100-continue, the server announces that it reads the body.
	b.HTTP.Transport.(*http.Transport).ExpectContinueTimeout = 10 * time.Minute
	require.NoError(t, b.Clients.Add(t.Context(), "other", "other-secret", []string{"system/*.rs"}))
	large := strings.Repeat(" ", 20<<10) + "nonsense"
	send := func(id, secret, body string) apitest.Answer {
		request := b.Request(t, http.MethodPost, "/fhir/$export", "Content-Type", apitest.TypeFHIR)
		request.SetBasicAuth(id, secret)
		request.Body = io.NopCloser(strings.NewReader(body))
		request.ContentLength = int64(len(body))
		return b.Do(t, request)
	}
	var stop []func() (apitest.Answer, error)
	var ends []*io.PipeWriter
	for range 2 {
		from, to := io.Pipe()
		request := b.Request(t, http.MethodPost, "/fhir/$export", "Content-Type", apitest.TypeFHIR, "Expect", "100-continue")
		request.Body = from // of unknown length
		ends, stop = append(ends, to), append(stop, b.Later(t, request))
		_, err := to.Write([]byte("nonsense"))
		require.NoError(t, err)
	}
	apitest.RequireThrottled(t, send(apitest.ClientID, apitest.ClientSecret, large))
	require.Equal(t, http.StatusBadRequest, send(apitest.ClientID, apitest.ClientSecret, "nonsense").StatusCode, "a small one is read")
	require.Equal(t, http.StatusBadRequest, send("other", "other-secret", large).StatusCode)

	for i, end := range ends {
		require.NoError(t, end.Close())
		got, err := stop[i]()
		require.NoError(t, err)
		require.Equal(t, http.StatusBadRequest, got.StatusCode)
	}
	require.Equal(t, http.StatusBadRequest, send(apitest.ClientID, apitest.ClientSecret, large).StatusCode)
}
