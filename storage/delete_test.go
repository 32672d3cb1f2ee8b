package storage_test

import (
	"context"
	"io"
	"net/http"
	"strconv"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// begin starts a multipart upload and abandons it, as a killed process does.
func begin(t *testing.T, bucketURL, key string) {
	t.Helper()
	core, bucket, prefix := storagetest.Direct(t, bucketURL)
	name := prefix + key
	id, err := core.NewMultipartUpload(t.Context(), bucket, name, minio.PutObjectOptions{})
	require.NoError(t, err)
	_, err = core.PutObjectPart(t.Context(), bucket, name, id, 1, strings.NewReader("part"), 4, minio.PutObjectPartOptions{})
	require.NoError(t, err)
}

func TestDelete(t *testing.T) {
	t.Parallel()
	b := open(t)
	put(t, b, "a", "text")
	put(t, b, "ab", "text")

	require.NoError(t, b.Delete(t.Context(), "a"))
	require.Equal(t, []string{"ab"}, keys(t, b, ""))
	require.NoError(t, b.Delete(t.Context(), "a"), "what is gone is gone")

	status, _, _ := get(t, link(t, b, "a", storage.LinkOptions{}))
	require.Equal(t, http.StatusNotFound, status)
}

func TestDeleteUnder(t *testing.T) {
	t.Parallel()
	bucketURL := storagetest.Bucket(t)
	b := openURL(t, bucketURL)
	for _, key := range []string{"one/a", "one/b/c", "one/manifest.json", "one-more/a", "two/a"} {
		put(t, b, key, "text")
	}
	for _, key := range []string{"one/d", "one/b/e", "one/b/e", "one-more/d", "two/d"} {
		begin(t, bucketURL, key)
	}
	require.Len(t, unfinished(t, bucketURL), 5)

	require.NoError(t, b.DeleteUnder(t.Context(), "one"))
	require.Equal(t, []string{"one-more/a", "two/a"}, keys(t, b, ""))
	require.Len(t, unfinished(t, bucketURL), 2)

	require.NoError(t, b.DeleteUnder(t.Context(), "two/"), "a closing slash changes nothing")
	require.Equal(t, []string{"one-more/a"}, keys(t, b, ""))
	require.NoError(t, b.DeleteUnder(t.Context(), "two"), "nothing there is no error")

	for _, prefix := range []string{"", "/", "..", "one-more/..", "//"} {
		require.ErrorIs(t, b.DeleteUnder(t.Context(), prefix), storage.ErrInvalidKey, "%q", prefix)
	}
	require.Equal(t, []string{"one-more/a"}, keys(t, b, ""))
}

func TestDeleteUploadsUnder(t *testing.T) {
	t.Parallel()
	bucketURL := storagetest.Bucket(t)
	b := openURL(t, bucketURL)
	put(t, b, "one/a", "text")
	for _, key := range []string{"one/a", "one/b/c", "one-more/d"} {
		begin(t, bucketURL, key)
	}
	require.NoError(t, b.DeleteUploadsUnder(t.Context(), "one/"))
	require.Equal(t, []string{"one/a"}, keys(t, b, ""))
	left := unfinished(t, bucketURL)
	require.Len(t, left, 1)
	require.True(t, strings.HasSuffix(left[0], "one-more/d"), left[0])

	require.ErrorIs(t, b.DeleteUploadsUnder(t.Context(), ""), storage.ErrInvalidKey)
	require.ErrorIs(t, openURL(t, noBucket(t)).DeleteUploadsUnder(t.Context(), "a"), storage.ErrNoBucket)
}

func TestDeleteUnderErrors(t *testing.T) {
	t.Parallel()
	u := noBucket(t)
	require.ErrorIs(t, openURL(t, u).DeleteUnder(t.Context(), "a"), storage.ErrNoBucket)

	b := open(t)
	put(t, b, "a/b", "text")
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, b.DeleteUnder(ctx, "a"), context.Canceled)
	require.Equal(t, []string{"a/b"}, keys(t, b, "a"))
}

// refuse replaces a response of the store.
func refuse(resp *http.Response, status int, body string) {
	_ = resp.Body.Close()
	resp.StatusCode = status
	resp.Body = io.NopCloser(strings.NewReader(body))
	resp.ContentLength = int64(len(body))
	resp.Header.Set("Content-Length", strconv.Itoa(len(body)))
}

func TestDeleteUnderRefused(t *testing.T) {
	t.Parallel()

	for name, answer := range map[string]func(*http.Response){
		"uploads are not shown": func(resp *http.Response) {
			if resp.Request.URL.Query().Has("uploads") && resp.Request.Method == http.MethodGet {
				refuse(resp, http.StatusForbidden, `<Error><Code>AccessDenied</Code></Error>`)
			}
		},
		"uploads are not aborted": func(resp *http.Response) {
			if resp.Request.Method == http.MethodDelete {
				refuse(resp, http.StatusForbidden, `<Error><Code>AccessDenied</Code></Error>`)
			}
		},
		"objects are not shown": func(resp *http.Response) {
			if resp.Request.URL.Query().Has("list-type") {
				refuse(resp, http.StatusForbidden, `<Error><Code>AccessDenied</Code></Error>`)
			}
		},
		"objects are not deleted": func(resp *http.Response) {
			if resp.Request.URL.Query().Has("delete") {
				refuse(resp, http.StatusForbidden, `<Error><Code>AccessDenied</Code></Error>`)
			}
		},
		"one object is not deleted": func(resp *http.Response) {
			if resp.Request.URL.Query().Has("delete") {
				refuse(resp, http.StatusOK, `<DeleteResult><Error><Key>a/b</Key><Code>AccessDenied</Code></Error></DeleteResult>`)
			}
		},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			bucketURL := storagetest.Bucket(t)
			put(t, openURL(t, bucketURL), "a/b", "text")
			put(t, openURL(t, bucketURL), "a/c", "text")
			begin(t, bucketURL, "a/d")

			err := openURL(t, proxied(t, bucketURL, answer)).DeleteUnder(t.Context(), "a")
			require.ErrorIs(t, err, storage.ErrAccessDenied)
			require.ErrorContains(t, err, "delete under a: ")
		})
	}
}

func TestList(t *testing.T) {
	t.Parallel()
	b := open(t)
	for _, key := range []string{"b/2", "b/1", "a", "bc/3"} {
		put(t, b, key, key)
	}
	require.Equal(t, []string{"a", "b/1", "b/2", "bc/3"}, keys(t, b, ""))
	require.Equal(t, []string{"b/1", "b/2"}, keys(t, b, "b"))
	require.Empty(t, keys(t, b, "c"))
	for _, err := range b.List(t.Context(), "../b") {
		require.ErrorIs(t, err, storage.ErrInvalidKey)
	}

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	var last error
	for _, err := range b.List(ctx, "") {
		last = err
	}
	require.ErrorIs(t, last, context.Canceled, "a listing that was cut short must say so")
}
