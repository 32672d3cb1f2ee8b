package output_test

import (
	"bytes"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/output"
)

// writeAll writes texts to a file.
func writeAll(t *testing.T, f output.File, texts ...string) {
	t.Helper()
	for _, text := range texts {
		n, err := f.Write([]byte(text))
		require.NoError(t, err)
		require.Equal(t, len(text), n)
	}
}

func TestStream(t *testing.T) {
	var written bytes.Buffer
	out := output.Stream(&written)
	require.True(t, out.Sequential())

	a, err := out.Create(t.Context(), "a")
	require.NoError(t, err)
	require.Empty(t, content(t, a))
	writeAll(t, a, "1\n2", "\n3")
	require.NoError(t, a.Truncate(5))
	require.ErrorIs(t, a.Truncate(2), output.ErrNotTruncatable)
	require.NoError(t, a.Truncate(0))
	writeAll(t, a, "1", "\n")
	require.NoError(t, a.Truncate(2))
	require.NoError(t, a.Truncate(0)) // once more before all was compared
	writeAll(t, a, "1\n", "2\n3\n4")
	require.NoError(t, a.Publish(t.Context()))
	require.NoError(t, a.Close())

	b, err := out.Create(t.Context(), "b")
	require.NoError(t, err)
	writeAll(t, b, "5\n")
	require.NoError(t, b.Publish(t.Context()))
	empty, err := out.Create(t.Context(), "c")
	require.NoError(t, err)
	require.NoError(t, empty.Publish(t.Context()))
	require.Equal(t, "1\n2\n3\n4\n5\n", written.String())
}

func TestStreamComparesWhatBeginsAgain(t *testing.T) {
	for name, again := range map[string]string{"changed": "1\n3\n4\n", "shorter": "1\n"} {
		t.Run(name, func(t *testing.T) {
			var written bytes.Buffer
			f, err := output.Stream(&written).Create(t.Context(), "a")
			require.NoError(t, err)
			writeAll(t, f, "1\n2\n")
			require.NoError(t, f.Truncate(0))
			if _, err = f.Write([]byte(again)); err == nil {
				err = f.Publish(t.Context())
			}
			require.ErrorIs(t, err, output.ErrChanged)
			require.Equal(t, "1\n2\n", written.String())
		})
	}
}
