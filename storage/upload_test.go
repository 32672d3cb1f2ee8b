package storage_test

import (
	"bytes"
	"context"
	"crypto/sha256"
	"errors"
	"io"
	"math/rand/v2"
	"net/http"
	"runtime"
	"strings"
	"sync/atomic"
	"testing"
	"testing/iotest"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

const mib = 1 << 20

// noise returns an endless stream that is the same for the same seed. It implements only
// io.Reader.
func noise(seed byte) io.Reader {
	return struct{ io.Reader }{rand.NewChaCha8([32]byte{seed})}
}

// TestUploadMemory is not parallel: it counts what the whole process allocates.
func TestUploadMemory(t *testing.T) {
	b := open(t)

	var before, after runtime.MemStats
	runtime.ReadMemStats(&before)
	object, err := b.Upload(t.Context(), "large", io.LimitReader(noise(1), 160*mib))
	runtime.ReadMemStats(&after)

	require.NoError(t, err)
	require.EqualValues(t, 160*mib, object.Size)
	// 32 parts of 5 MiB through two buffers: in total less than half of the size.
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(80*mib))
}

func TestUploadIsWhole(t *testing.T) {
	t.Parallel()

	for name, size := range map[string]int64{
		"empty":               0,
		"one byte":            1,
		"exactly one part":    5 * mib,
		"one byte more":       5*mib + 1,
		"four parts and some": 22 * mib,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			b := open(t)

			want := sha256.New()
			object, err := b.Upload(t.Context(), "x/Patient.0001.ndjson.gz", io.TeeReader(io.LimitReader(noise(2), size), want))
			require.NoError(t, err)
			require.Equal(t, size, object.Size)
			require.Equal(t, "x/Patient.0001.ndjson.gz", object.Key)
			require.NotEmpty(t, object.ETag)

			status, header, body := get(t, link(t, b, object.Key, storage.LinkOptions{}))
			require.Equal(t, http.StatusOK, status)
			require.Len(t, body, int(size))
			got := sha256.Sum256(body)
			require.Equal(t, want.Sum(nil), got[:])
			require.Empty(t, header.Get("Content-Encoding"), "nothing but the bytes may be stored")

			for listed, err := range b.List(t.Context(), "x") {
				require.NoError(t, err)
				require.Equal(t, object, listed)
			}
		})
	}
}

// TestUploadSendsNoEmptyPart: some stores reject an empty part.
func TestUploadSendsNoEmptyPart(t *testing.T) {
	t.Parallel()
	var parts atomic.Int32
	b := openURL(t, proxied(t, storagetest.Bucket(t), func(resp *http.Response) {
		if resp.Request.URL.Query().Has("partNumber") {
			parts.Add(1)
		}
	}))
	_, err := b.Upload(t.Context(), "a", io.LimitReader(noise(7), 5*mib))
	require.NoError(t, err)
	require.EqualValues(t, 1, parts.Load())
}

// TestUploadCorrupted: over plain HTTP the store rejects a part that has changed on the
// way. Of the first part and of others, the signature has different hashes.
func TestUploadCorrupted(t *testing.T) {
	t.Parallel()
	for _, number := range []string{"1", "2"} {
		t.Run(number, func(t *testing.T) {
			t.Parallel()
			bucketURL := storagetest.Bucket(t)
			b := openURL(t, proxiedRequests(t, bucketURL, func(request *http.Request) {
				if request.URL.Query().Get("partNumber") == number {
					request.Body = io.NopCloser(io.MultiReader(strings.NewReader("x"), skip(request.Body, 1)))
				}
			}))
			_, err := b.Upload(t.Context(), "a", io.LimitReader(noise(8), 6*mib))
			require.Error(t, err)
			require.Empty(t, keys(t, openURL(t, bucketURL), ""))
		})
	}
}

// skip returns r without its first n bytes.
func skip(r io.Reader, n int64) io.Reader {
	_, _ = io.CopyN(io.Discard, r, n)
	return r
}

func TestUploadReplaces(t *testing.T) {
	t.Parallel()
	b := open(t)

	put(t, b, "a", "first")
	put(t, b, "a", "second")
	_, _, body := get(t, link(t, b, "a", storage.LinkOptions{}))
	require.Equal(t, "second", string(body))
	require.Equal(t, []string{"a"}, keys(t, b, ""))
}

func TestUploadOfABrokenSource(t *testing.T) {
	t.Parallel()
	errSource := errors.New("the disk burned")

	for name, broken := range map[string]struct {
		err   error
		after int64
	}{
		"at once":               {errSource, 0},
		"in the first part":     {errSource, 5},
		"in the second part":    {errSource, 8 * mib},
		"between parts":         {errSource, 20 * mib},
		"as if it had ended":    {io.ErrUnexpectedEOF, 5},
		"the same, second part": {io.ErrUnexpectedEOF, 8 * mib},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bucketURL := storagetest.Bucket(t)
			b := openURL(t, bucketURL)
			put(t, b, "old", "still here")

			for _, key := range []string{"old", "new"} {
				r := io.MultiReader(io.LimitReader(noise(3), broken.after), iotest.ErrReader(broken.err))
				_, err := b.Upload(t.Context(), key, r)
				require.ErrorIs(t, err, broken.err)
			}

			require.Equal(t, []string{"old"}, keys(t, b, ""))
			require.Empty(t, unfinished(t, bucketURL))
			_, _, body := get(t, link(t, b, "old", storage.LinkOptions{}))
			require.Equal(t, "still here", string(body))
		})
	}
}

type panicking struct{}

func (panicking) Read([]byte) (int, error) { panic("a bug in the source") }

func TestUploadOfAPanickingSource(t *testing.T) {
	t.Parallel()
	bucketURL := storagetest.Bucket(t)
	b := openURL(t, bucketURL)
	require.PanicsWithValue(t, "a bug in the source", func() {
		_, _ = b.Upload(t.Context(), "a", io.MultiReader(io.LimitReader(noise(8), 17*mib), panicking{}))
	})
	require.Empty(t, keys(t, b, ""))
	require.Empty(t, unfinished(t, bucketURL))
}

// TestUploadCancelled cancels when the store has executed a request and the client has not
// received the response.
func TestUploadCancelled(t *testing.T) {
	t.Parallel()

	for name, moment := range map[string]func(*http.Request) bool{
		"begun":      func(r *http.Request) bool { return r.URL.Query().Has("uploads") },
		"first part": func(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "1" },
		"last part":  func(r *http.Request) bool { return r.URL.Query().Get("partNumber") == "2" },
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancel(t.Context())
			bucketURL := storagetest.Bucket(t)
			b := openURL(t, proxied(t, bucketURL, func(resp *http.Response) {
				if moment(resp.Request) {
					cancel()
				}
			}))

			_, err := b.Upload(ctx, "a", io.LimitReader(noise(4), 20*mib))
			require.ErrorIs(t, err, context.Canceled)
			require.Empty(t, keys(t, b, ""))
			require.Empty(t, unfinished(t, bucketURL))
		})
	}
}

func TestUploadCancelledWhileReading(t *testing.T) {
	t.Parallel()
	bucketURL := storagetest.Bucket(t)
	b := openURL(t, bucketURL)

	ctx, cancel := context.WithCancel(t.Context())
	source, feed := io.Pipe()
	go func() {
		_, _ = io.CopyN(feed, noise(5), 17*mib)
		cancel()
		_ = feed.CloseWithError(ctx.Err())
	}()

	_, err := b.Upload(ctx, "a", source)
	require.ErrorIs(t, err, context.Canceled)
	require.Empty(t, keys(t, b, ""))
	require.Empty(t, unfinished(t, bucketURL))
}

// TestUploadRefused: a slow, endless source is not read to the end of a part after the
// store has rejected the previous one.
func TestUploadRefused(t *testing.T) {
	t.Parallel()
	bucketURL := storagetest.Bucket(t)
	refused := make(chan struct{})
	b := openURL(t, proxied(t, bucketURL, func(resp *http.Response) {
		if resp.Request.URL.Query().Has("partNumber") {
			resp.StatusCode = http.StatusForbidden
			close(refused)
		}
	}))
	source, feed := io.Pipe()
	go func() {
		_, _ = io.CopyN(feed, noise(5), 5*mib)
		<-refused
		for { // until the upload stops reading
			if _, err := feed.Write([]byte{'x'}); err != nil {
				return
			}
		}
	}()

	_, err := b.Upload(t.Context(), "a", source)
	_ = source.Close()
	require.ErrorIs(t, err, storage.ErrAccessDenied)
	require.Empty(t, keys(t, b, ""))
	require.Empty(t, unfinished(t, bucketURL))
}

func TestUploadCancelledTooLate(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancel(t.Context())
	bucketURL := storagetest.Bucket(t)
	b := openURL(t, proxied(t, bucketURL, func(resp *http.Response) {
		if resp.Request.Method == http.MethodPost && resp.Request.URL.Query().Has("uploadId") {
			cancel()
		}
	}))

	object, err := b.Upload(ctx, "a", strings.NewReader("text"))
	require.NoError(t, err, "the object exists, so the caller must get it")
	require.Error(t, ctx.Err())
	require.Equal(t, []string{object.Key}, keys(t, b, ""))
	require.Empty(t, unfinished(t, bucketURL))
}

func TestUploadToNoBucket(t *testing.T) {
	t.Parallel()
	u := noBucket(t)
	_, err := openURL(t, u).Upload(t.Context(), "a", strings.NewReader("text"))
	require.ErrorIs(t, err, storage.ErrNoBucket)
}

func TestKeys(t *testing.T) {
	t.Parallel()
	b := open(t)

	for _, key := range []string{
		"", "/a", "a/", "a//b", ".", "..", "a/../b", "./a", `a\b`, "a\nb", "a\x00b", "a\xffb", strings.Repeat("x", 1024),
	} {
		_, err := b.Upload(t.Context(), key, strings.NewReader("text"))
		require.ErrorIs(t, err, storage.ErrInvalidKey, "%q", key)
		_, err = b.Link(t.Context(), key, storage.LinkOptions{})
		require.ErrorIs(t, err, storage.ErrInvalidKey, "%q", key)
		require.ErrorIs(t, b.Delete(t.Context(), key), storage.ErrInvalidKey, "%q", key)
	}

	for _, key := range []string{"a b+c&d=e?f#g%20h", "é/日本.ndjson.gz", "a..b/...", "quote\"'<>"} {
		put(t, b, key, key)
		_, _, body := get(t, link(t, b, key, storage.LinkOptions{}))
		require.Equal(t, key, string(body))
	}
}

func BenchmarkUpload(b *testing.B) {
	bucket, err := storage.Open(storage.Config{URL: storagetest.Bucket(b)})
	require.NoError(b, err)
	defer bucket.Close()
	data := make([]byte, 64*mib)
	_, _ = noise(6).Read(data)

	b.SetBytes(int64(len(data)))
	b.ReportAllocs()
	for b.Loop() {
		_, err := bucket.Upload(b.Context(), "bench", io.MultiReader(bytes.NewReader(data)))
		require.NoError(b, err)
	}
}
