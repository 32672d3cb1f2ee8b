package storage_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"io"
	"net/http"
	"os"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

func create(t *testing.T, b *storage.Bucket, key string) *storage.Writer {
	t.Helper()
	w, err := b.Create(t.Context(), key)
	require.NoError(t, err)
	return w
}

// TestWriterSizes writes in pieces that do not divide the size of a part.
func TestWriterSizes(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int64{"empty": 0, "exactly one part": 5 * mib, "more than two parts": 11*mib + 7} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)
			want, err := io.ReadAll(io.LimitReader(noise(9), size))
			require.NoError(t, err)

			w := create(t, b, "a")
			_, err = io.CopyBuffer(struct{ io.Writer }{w}, struct{ io.Reader }{bytes.NewReader(want)}, make([]byte, 70_001))
			require.NoError(t, err)
			require.NoError(t, w.Close())
			require.Empty(t, keys(t, b, ""), "not visible before it is published")
			sum := sha256.Sum256(want)
			require.Equal(t, sum[:], w.SHA256())

			object, err := w.Publish(t.Context())
			require.NoError(t, err)
			require.Equal(t, size, object.Size)
			require.NoError(t, w.Abort(t.Context()), "does nothing then")
			_, _, body := get(t, link(t, b, "a", storage.LinkOptions{}))
			require.True(t, bytes.Equal(want, body))
		})
	}
}

func TestWriterPublish(t *testing.T) {
	t.Parallel()
	bucketURL := storagetest.Bucket(t)
	b := openURL(t, bucketURL)
	put(t, b, "a", "old")
	read := func() string {
		_, _, body := get(t, link(t, b, "a", storage.LinkOptions{}))
		return string(body)
	}

	var writers [2]*storage.Writer
	for i, text := range []string{"first", "second"} {
		writers[i] = create(t, b, "a")
		_, err := io.WriteString(writers[i], text)
		require.NoError(t, err)
		require.NoError(t, writers[i].Close())
	}
	first, second := writers[0], writers[1]
	require.Equal(t, "old", read(), "what is staged is not visible")
	require.Len(t, unfinished(t, bucketURL), 2)

	object, err := second.Publish(t.Context())
	require.NoError(t, err)
	require.Equal(t, storage.Object{Key: "a", Size: 6, ETag: object.ETag}, object)
	require.Equal(t, "second", read())

	ended, cancel := context.WithCancel(t.Context())
	cancel()
	_, err = first.Publish(ended)
	require.ErrorIs(t, err, context.Canceled)
	require.NoError(t, first.Abort(ended), "also when the context has ended")
	require.NoError(t, first.Abort(ended), "and twice")
	require.Equal(t, "second", read(), "the other upload is not affected")
	require.Empty(t, unfinished(t, bucketURL))

	_, err = first.Publish(t.Context())
	require.ErrorIs(t, err, os.ErrClosed)
}

// TestWriterAbort abandons uploads at different moments.
func TestWriterAbort(t *testing.T) {
	t.Parallel()
	for name, size := range map[string]int64{"nothing written": 0, "in the first part": 1, "a part being sent": 5 * mib, "between parts": 17 * mib} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bucketURL := storagetest.Bucket(t)
			b := openURL(t, bucketURL)
			put(t, b, "a", "old")

			w := create(t, b, "a")
			_, err := io.CopyN(w, noise(9), size)
			require.NoError(t, err)
			require.NoError(t, w.Abort(t.Context()))
			require.Empty(t, unfinished(t, bucketURL))
			_, err = w.Write([]byte("x"))
			require.ErrorIs(t, err, os.ErrClosed)
			_, _, body := get(t, link(t, b, "a", storage.LinkOptions{}))
			require.Equal(t, "old", string(body))
		})
	}
}

// TestWriterRefused writes small pieces until the refusal of a part is seen, which
// must be before the next part is full.
func TestWriterRefused(t *testing.T) {
	t.Parallel()
	bucketURL := storagetest.Bucket(t)
	b := openURL(t, proxied(t, bucketURL, func(resp *http.Response) {
		if resp.Request.URL.Query().Has("partNumber") {
			resp.StatusCode = http.StatusForbidden
		}
	}))
	w := create(t, b, "a")
	_, err := io.CopyN(w, noise(5), 5*mib)
	require.NoError(t, err)
	for err == nil {
		_, err = w.Write([]byte{'x'})
	}
	require.ErrorIs(t, err, storage.ErrAccessDenied)
	require.ErrorIs(t, w.Close(), storage.ErrAccessDenied)
	require.NoError(t, w.Abort(t.Context()))
	require.Empty(t, keys(t, b, ""))
	require.Empty(t, unfinished(t, bucketURL))
}
