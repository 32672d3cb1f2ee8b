package ndjson

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// While nothing is written, lines fill the buffers and then wait; the end of ctx
// ends that.
func TestPipeIsBounded(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	stopped := errors.New("stopped")
	cancel(stopped)
	l := newPipe().producer(&tally{}, false)
	var err error
	lines := 0
	for ; err == nil && lines < 100_000; lines++ {
		_, err = l.put(ctx, 100, func(dst []byte) []byte { return append(dst, make([]byte, 100)...) })
	}
	require.Equal(t, stopped, err)
	require.Greater(t, lines, 1000)
}

// A writer that lost patience just when a full chunk came must take that one
// first, or lines would change places.
func TestPipeKeepsOrder(t *testing.T) {
	t.Parallel()
	p := newPipe()
	l := p.producer(&tally{}, false)
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
