package gzipmember

import (
	"bytes"
	"compress/gzip"
	"errors"
	"io"
	"testing"

	"github.com/stretchr/testify/require"
)

// decompress returns the text of the only member of the data, as far as it can be
// decompressed.
func decompress(t *testing.T, data []byte) ([]byte, error) {
	t.Helper()
	in := bytes.NewReader(data)
	reader, err := gzip.NewReader(in)
	require.NoError(t, err)
	reader.Multistream(false)
	text, err := io.ReadAll(reader)
	if err == nil {
		require.Zero(t, in.Len(), "after the member")
	}
	return text, err
}

func TestStream(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	stream := NewStream(&out)
	var want []byte
	for _, text := range texts() {
		want = append(want, text...)
		n, err := stream.Write(text)
		require.NoError(t, err)
		require.Equal(t, len(text), n)
	}
	require.NoError(t, stream.Flush())
	flushed, err := decompress(t, out.Bytes())
	require.ErrorIs(t, err, io.ErrUnexpectedEOF)
	require.True(t, bytes.Equal(want, flushed), "everything so far")

	require.NoError(t, stream.Close())
	got, err := decompress(t, out.Bytes())
	require.NoError(t, err)
	require.True(t, bytes.Equal(want, got))
}

func TestEmptyStream(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	require.NoError(t, NewStream(&out).Close())
	got, err := decompress(t, out.Bytes())
	require.NoError(t, err)
	require.Empty(t, got)
}

func TestStreamToFailingWriter(t *testing.T) {
	t.Parallel()
	full := errors.New("full")
	stream := NewStream(failingWriter{full})
	_, err := stream.Write(bytes.Repeat([]byte("x"), 3*maxSlice))
	require.ErrorIs(t, err, full)
	require.ErrorIs(t, NewStream(failingWriter{full}).Close(), full)
}

type failingWriter struct{ err error }

func (w failingWriter) Write([]byte) (int, error) { return 0, w.err }
