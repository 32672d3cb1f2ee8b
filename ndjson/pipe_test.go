package ndjson

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A writer that lost patience just when a full chunk came must take that one
// first, or lines would change places.
func TestPipeKeepsOrder(t *testing.T) {
	t.Parallel()
	p := newPipe()
	l := p.lane(0)
	for _, line := range []string{"first", "second"} {
		_, err := l.put(t.Context(), len(line), func(dst []byte) []byte { return append(dst, line...) })
		require.NoError(t, err)
	}

	require.True(t, p.collect())
	chunk, state := p.next()
	require.Equal(t, "first", string(chunk.data), "handed over at once")
	require.Equal(t, pipeOpen, state)
	chunk, state = p.next()
	require.Equal(t, "second", string(chunk.data))
	require.Equal(t, pipeIdle, state)
}
