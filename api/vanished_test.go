package api_test

import (
	"bytes"
	"context"
	"net/http"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestVanishedClient: a client that goes away ends its query at once.
func TestVanishedClient(t *testing.T) {
	t.Parallel()

	t.Run("InTheMiddle", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		open := b.gate(t)
		for range 2 * sourceConns { // more often than there are connections
			response, _ := b.begin(t, "/Patient/$dump")
			b.requireReader(t)
			require.NoError(t, response.Body.Close()) // which closes the connection
			b.requireNoReaders(t)
		}
		open()
		b.requireConnections(t)
		require.NotContains(t, b.logs.String(), `"level":"ERROR"`, "it is no fault of ours")
	})

	t.Run("BeforeTheFirstByte", func(t *testing.T) {
		t.Parallel()
		b := setup(t)
		b.aidbox(t, "Patient")
		release := b.hold(t, `LOCK TABLE patient IN ACCESS EXCLUSIVE MODE`)

		ctx, leave := context.WithCancel(t.Context())
		wait := b.later(t, b.request(t, http.MethodGet, "/Patient/$dump").WithContext(ctx))
		b.requireReader(t)
		leave()
		_, err := wait()
		require.ErrorIs(t, err, context.Canceled)
		b.requireNoReaders(t)
		release()
		b.requireConnections(t)
		require.NotContains(t, b.logs.String(), `"level":"ERROR"`)
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
		require.Eventually(t, func() bool { return bytes.Contains([]byte(b.logs.String()), []byte(`"msg":"request"`)) }, patience, tick)
		require.NotContains(t, b.logs.String(), `"level":"ERROR"`)
	})
}
