package api_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/api/apitest"
)

// TestVanishedClient: a client that goes away ends its query at once.
func TestVanishedClient(t *testing.T) {
	t.Parallel()

	t.Run("InTheMiddle", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		open := b.gate(t)
		for range 2 * apitest.SourceConns { // more often than there are connections
			response, _ := b.begin(t, "/Patient/$dump")
			b.requireReader(t)
			require.NoError(t, response.Body.Close()) // which closes the connection
			b.requireNoReaders(t)
		}
		open()
		b.requireConnections(t)
		require.NotContains(t, b.Logs.String(), `"level":"ERROR"`, "it is no fault of ours")
	})

	t.Run("BeforeTheFirstByte", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.Aidbox(t, "Patient")
		release := b.Hold(t, `LOCK TABLE patient IN ACCESS EXCLUSIVE MODE`)

		ctx, leave := context.WithCancel(t.Context())
		wait := b.Later(t, b.Request(t, http.MethodGet, "/Patient/$dump").WithContext(ctx))
		b.requireReader(t)
		leave()
		_, err := wait()
		require.ErrorIs(t, err, context.Canceled)
		b.requireNoReaders(t)
		release()
		b.requireConnections(t)
		require.NotContains(t, b.Logs.String(), `"level":"ERROR"`)
	})

	// What waits to be sent to one that has left is of no use to anyone.
	t.Run("WhileSending", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.large(t, largeRows, largeSize)
		response, body := b.begin(t, "/Patient/$dump")
		require.NotZero(t, body.Buffered())
		require.Len(t, b.readers(t), 1)
		require.NoError(t, response.Body.Close())
		b.requireNoReaders(t)
		require.Eventually(t, func() bool { return bytes.Contains([]byte(b.Logs.String()), []byte(`"msg":"request"`)) }, apitest.Patience, apitest.Tick)
		require.NotContains(t, b.Logs.String(), `"level":"ERROR"`)
	})
}
