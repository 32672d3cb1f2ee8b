package ndjson

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// While nothing is written, lines fill the buffers and then wait until ctx ends.
func TestPipeIsBounded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	cancel(stopped)
	l := newPipe().add(&tally{}, compressNothing)
	var err error
	lines := 0
	for ; err == nil && lines < 100_000; lines++ {
		_, err = l.put(ctx, 100, func(dst []byte) []byte { return append(dst, make([]byte, 100)...) })
	}
	require.Equal(t, stopped, err)
	require.Greater(t, lines, 1000)
}

// If lull passes just when a full chunk is sent, the writer must take that chunk
// first, or the order of lines would change.
func TestPipeKeepsOrder(t *testing.T) {
	t.Parallel()
	p := newPipe()
	l := p.add(&tally{}, compressNothing)
	for _, line := range []string{"first", "second"} {
		_, err := l.put(t.Context(), len(line), func(dst []byte) []byte { return append(dst, line...) })
		require.NoError(t, err)
	}

	require.True(t, p.collect())
	chunk, state := p.next()
	require.Equal(t, "first", string(chunk.lines), "handed over at once")
	require.Equal(t, pipeOpen, state)
	chunk, state = p.next()
	require.Equal(t, "second", string(chunk.lines))
	require.Equal(t, pipeIdle, state)
}
