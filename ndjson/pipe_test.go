package ndjson

import (
	"context"
	"errors"
	"testing"

	"github.com/stretchr/testify/require"
)

// appending returns a function that appends a line.
func appending(line []byte) formatFunc {
	return func(dst []byte) ([]byte, error) { return append(dst, line...), nil }
}

// After a line that is much longer than its size, as of numbers with large exponents in
// the stored form, the next waits until it is written.
func TestPipeIsBoundedForOutgrownLines(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	p := newPipe()
	l := p.add(&tally{}, compressNothing)
	for _, line := range []string{"first", "second"} {
		_, err := l.put(ctx, len(line), appending([]byte(line)))
		require.NoError(t, err)
	}
	outgrown := append(make([]byte, keepHugeSize), '\n')
	n, err := l.put(ctx, 10, appending(outgrown))
	require.NoError(t, err)
	require.Len(t, outgrown, n)

	stopped := errors.New("stopped")
	cancel(stopped)
	_, err = l.put(ctx, 10, appending(outgrown))
	require.Equal(t, stopped, err)

	for _, want := range []string{"first", "second" + string(outgrown)} {
		chunk, _ := p.next()
		require.Equal(t, want, string(chunk.lines))
		p.recycle(chunk)
	}
	n, err = l.put(t.Context(), 10, appending(outgrown))
	require.NoError(t, err)
	require.Len(t, outgrown, n)
}

// A line that cannot be formatted leaves nothing in the chunk.
func TestPipeDropsFailedLines(t *testing.T) {
	t.Parallel()
	p := newPipe()
	l := p.add(&tally{}, compressNothing)
	failed := errors.New("failed")
	for _, fail := range []bool{false, false, true, false} {
		_, err := l.put(t.Context(), 4, func(dst []byte) ([]byte, error) {
			if fail {
				return append(dst, "half"...), failed
			}
			return append(dst, "line"...), nil
		})
		require.Equal(t, fail, err != nil)
	}
	_, _ = p.next() // the first line
	require.True(t, p.collect())
	chunk, _ := p.next()
	require.Equal(t, "lineline", string(chunk.lines))
}

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
		_, err = l.put(ctx, 100, appending(make([]byte, 100)))
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
		_, err := l.put(t.Context(), len(line), appending([]byte(line)))
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
