package storage_test

import (
	"context"
	"io"
	"net/http"
	"net/http/httptest"
	"net/http/httputil"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
	"go.uber.org/goleak"

	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

// TestMain fails if a test leaves a goroutine running.
func TestMain(m *testing.M) {
	goleak.VerifyTestMain(m)
}

// open opens the test bucket with a prefix of its own.
func open(t *testing.T) *storage.Bucket {
	t.Helper()
	return openURL(t, storagetest.Bucket(t))
}

// openURL opens the bucket and closes it when the test ends.
func openURL(t *testing.T, bucketURL string) *storage.Bucket {
	t.Helper()
	b, err := storage.Open(storage.Config{URL: bucketURL})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	return b
}

// unfinished lists the unfinished multipart uploads below the URL's prefix.
func unfinished(t *testing.T, bucketURL string) []string {
	t.Helper()
	client, bucket, prefix := storagetest.Direct(t, bucketURL)
	var names []string
	for info := range client.ListIncompleteUploads(t.Context(), bucket, "", true) {
		require.NoError(t, info.Err)
		if strings.HasPrefix(info.Key, prefix) {
			names = append(names, info.Key)
		}
	}
	return names
}

// keys lists the objects below prefix.
func keys(t *testing.T, b *storage.Bucket, prefix string) []string {
	t.Helper()
	found := []string{}
	for object, err := range b.List(t.Context(), prefix) {
		require.NoError(t, err)
		found = append(found, object.Key)
	}
	return found
}

// put uploads a text.
func put(t *testing.T, b *storage.Bucket, key, text string) storage.Object {
	t.Helper()
	object, err := b.Upload(t.Context(), key, strings.NewReader(text))
	require.NoError(t, err)
	return object
}

// link signs a link.
func link(t *testing.T, b *storage.Bucket, key string, opts storage.LinkOptions) string {
	t.Helper()
	signed, err := b.Link(t.Context(), key, opts)
	require.NoError(t, err)
	return signed
}

// get fetches a URL without decompressing the response.
func get(t *testing.T, rawURL string) (status int, header http.Header, body []byte) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), http.MethodGet, rawURL, http.NoBody)
	require.NoError(t, err)
	client := http.Client{Transport: &http.Transport{DisableCompression: true, DisableKeepAlives: true}}
	resp, err := client.Do(req)
	require.NoError(t, err)
	defer func() { _ = resp.Body.Close() }()
	body, err = io.ReadAll(resp.Body)
	require.NoError(t, err)
	return resp.StatusCode, resp.Header, body
}

// proxied starts a proxy of the store that forwards the Host header and returns the
// bucket's URL through it. seen is called with each response of the store before it
// reaches the client, and may change it.
func proxied(t *testing.T, bucketURL string, seen func(*http.Response)) string {
	t.Helper()
	return proxy(t, bucketURL, func(*http.Request) {}, seen)
}

// proxiedRequests is proxied with a function that changes the requests.
func proxiedRequests(t *testing.T, bucketURL string, change func(*http.Request)) string {
	t.Helper()
	return proxy(t, bucketURL, change, func(*http.Response) {})
}

func proxy(t *testing.T, bucketURL string, change func(*http.Request), seen func(*http.Response)) string {
	t.Helper()
	u, err := url.Parse(bucketURL)
	require.NoError(t, err)

	target := &url.URL{Scheme: u.Scheme, Host: u.Host}
	server := httptest.NewServer(&httputil.ReverseProxy{
		Rewrite: func(r *httputil.ProxyRequest) {
			r.SetURL(target)
			r.Out.Host = r.In.Host
			// A client that disconnects must not interrupt the store.
			r.Out = r.Out.WithContext(context.WithoutCancel(r.Out.Context()))
			change(r.Out)
		},
		Transport:      &http.Transport{DisableKeepAlives: true},
		ModifyResponse: func(resp *http.Response) error { seen(resp); return nil },
	})
	t.Cleanup(server.Close)

	u.Host = server.Listener.Addr().String()
	return u.String()
}

// noBucket returns the URL of a bucket that does not exist.
func noBucket(t *testing.T) string {
	t.Helper()
	u, err := url.Parse(storagetest.Bucket(t))
	require.NoError(t, err)
	u.Path = "/no-such-bucket-here/prefix"
	return u.String()
}
