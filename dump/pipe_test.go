package dump

import (
	"testing"

	"github.com/stretchr/testify/require"
)

// A writer that lost patience just when a full chunk came must take that one
// first, or lines would change places.
func TestPipeKeepsOrder(t *testing.T) {
	t.Parallel()
	p := newPipe()
	for _, line := range []string{"first", "second"} {
		_, err := p.put(t.Context(), len(line), func(dst []byte) []byte { return append(dst, line...) })
		require.NoError(t, err)
	}

	require.Nil(t, p.takeFilling())
	chunk, state := p.takeFull()
	require.Equal(t, "first", string(chunk), "handed over at once")
	require.Equal(t, pipeOpen, state)
	require.Equal(t, "second", string(p.takeFilling()))
}
