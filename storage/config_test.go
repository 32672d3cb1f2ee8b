package storage_test

import (
	"context"
	"net"
	"net/url"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

func TestOpenInvalid(t *testing.T) {
	t.Parallel()

	for raw, reason := range map[string]string{
		"":                                                "must start with http:// or https://",
		"s3://bucket/prefix":                              "must start with http:// or https://",
		"localhost:9000/bucket":                           "must start with http:// or https://",
		"http:///bucket":                                  "has no host",
		"http://key:hushhush@host":                        "has no bucket",
		"http://key:hushhush@host/":                       "has no bucket",
		"http://key:hushhush@host/b":                      "bucket name",
		"http://key@host/bucket":                          "both key and secret",
		"http://:hushhush@host/bucket":                    "both key and secret",
		"http://key:hush/hush@host/bucket":                "percent-encoded",
		"http://key:123/hushhush@host/b":                  "%2F",
		"http://key:hushhush@host/bkt/a/../":              "must be a clean path",
		"http://key:hushhush@host/bkt//a":                 "must be a clean path",
		"http://key:hushhush@host/bkt?hush":               "unknown option",
		"http://key:hushhush@host/bkt?region=a&region=b":  "more than once",
		"http://key:hushhush@host/bkt?path-style=perhaps": "true or false",
		"http://key:hushhush@host/bkt?region=%zz":         "malformed options",
		"http://key:hushhush@host/bkt#hush":               "%23",
	} {
		_, err := storage.Open(storage.Config{URL: raw})
		require.ErrorContains(t, err, reason, raw)
		require.NotContains(t, err.Error(), "hush", raw)
	}

	for raw, reason := range map[string]string{
		"files.example.com":                 "must start with",
		"https://files.example.com/path":    "without credentials",
		"https://files.example.com?a=b":     "without credentials",
		"https://key:s@files.example.com":   "without credentials",
		"https://files.example.com:notport": "expected scheme://host",
	} {
		_, err := storage.Open(storage.Config{URL: "http://k:s@host/bucket", PublicURL: raw})
		require.ErrorContains(t, err, "public S3 URL", raw)
		require.ErrorContains(t, err, reason, raw)
	}
}

// signed opens a URL and returns a link of the bucket, which shows how the URL was
// parsed.
func signed(t *testing.T, cfg storage.Config) (signedURL *url.URL, region string) {
	t.Helper()
	b, err := storage.Open(cfg)
	require.NoError(t, err)
	t.Cleanup(b.Close)
	u, err := url.Parse(link(t, b, "a/b", storage.LinkOptions{}))
	require.NoError(t, err)
	scope := strings.Split(u.Query().Get("X-Amz-Credential"), "/")
	require.Len(t, scope, 5)
	return u, scope[2]
}

func TestOpenValid(t *testing.T) {
	t.Parallel()

	for raw, want := range map[string]struct{ url, region string }{
		"http://k:s@host:9000/bucket":                      {"http://host:9000/bucket/a/b", "us-east-1"},
		"http://k:s@host/bucket/":                          {"http://host/bucket/a/b", "us-east-1"},
		"https://k:s@host/bucket/p/q/?region=eu-west-3":    {"https://host/bucket/p/q/a/b", "eu-west-3"},
		"https://k:s@host/bucket/p?path-style=false":       {"https://bucket.host/p/a/b", "us-east-1"},
		"https://k:s@s3.eu-central-1.amazonaws.com/bucket": {"https://bucket.s3.dualstack.eu-central-1.amazonaws.com/a/b", "eu-central-1"},
		"https://k:s@s3.amazonaws.com/bucket?path-style=1": {"https://s3.dualstack.us-east-1.amazonaws.com/bucket/a/b", "us-east-1"},
		"http://k:s@[::1]:9000/bucket":                     {"http://[::1]:9000/bucket/a/b", "us-east-1"},
		"http://k:a%2Fb%2B%3F%23%40%3Ac@host/bucket":       {"http://host/bucket/a/b", "us-east-1"},
	} {
		u, region := signed(t, storage.Config{URL: raw})
		require.Equal(t, want.region, region, raw)
		u.RawQuery = ""
		require.Equal(t, want.url, u.String(), raw)
	}
}

func TestOpenTakesCredentialsFromTheEnvironment(t *testing.T) {
	u, err := url.Parse(storagetest.Bucket(t))
	require.NoError(t, err)
	secret, _ := u.User.Password()
	t.Setenv("AWS_ACCESS_KEY_ID", u.User.Username())
	t.Setenv("AWS_SECRET_ACCESS_KEY", secret)
	t.Setenv("AWS_REGION", "eu-north-1")

	u.User = nil
	b := openURL(t, u.String())
	require.NoError(t, b.Check(t.Context()))
	put(t, b, "a", "text")

	_, region := signed(t, storage.Config{URL: "http://host/bucket"})
	require.Equal(t, "eu-north-1", region)
	_, region = signed(t, storage.Config{URL: "http://k:s@host/bucket"})
	require.Equal(t, "us-east-1", region, "the region of one store is not that of another")
}

func TestNoCredentials(t *testing.T) {
	for _, name := range []string{"AWS_ACCESS_KEY_ID", "AWS_ACCESS_KEY", "AWS_SECRET_ACCESS_KEY", "AWS_SECRET_KEY", "AWS_PROFILE"} {
		t.Setenv(name, "")
	}
	t.Setenv("HOME", t.TempDir())
	t.Setenv("AWS_CONFIG_FILE", "/nowhere")
	t.Setenv("AWS_SHARED_CREDENTIALS_FILE", "/nowhere")
	// An address that refuses connections instead of the metadata service.
	t.Setenv("AWS_CONTAINER_CREDENTIALS_FULL_URI", "http://"+closedPort(t)+"/")

	b, err := storage.Open(storage.Config{URL: "http://127.0.0.1:1/bucket"})
	require.NoError(t, err, "Open uses no network")
	require.ErrorIs(t, b.Check(t.Context()), storage.ErrNoCredentials)
	_, err = b.Link(t.Context(), "a", storage.LinkOptions{})
	require.ErrorIs(t, err, storage.ErrNoCredentials)
}

// closedPort returns an address that refuses connections.
func closedPort(t *testing.T) string {
	t.Helper()
	var lc net.ListenConfig
	l, err := lc.Listen(t.Context(), "tcp", "127.0.0.1:0")
	require.NoError(t, err)
	require.NoError(t, l.Close())
	return l.Addr().String()
}

func TestCheck(t *testing.T) {
	t.Parallel()
	good := storagetest.Bucket(t)
	require.NoError(t, openURL(t, good).Check(t.Context()))

	change := func(f func(*url.URL)) error {
		u, err := url.Parse(good)
		require.NoError(t, err)
		u.User = url.UserPassword(u.User.Username(), "hushhush")
		f(u)
		return openURL(t, u.String()).Check(t.Context())
	}
	secret := strings.Split(strings.Split(good, "@")[0], ":")[2]
	right := func(u *url.URL) { u.User = url.UserPassword(u.User.Username(), secret) }

	err := change(func(u *url.URL) { right(u); u.Path = "/no-such-bucket-here" })
	require.ErrorIs(t, err, storage.ErrNoBucket)
	require.ErrorContains(t, err, "bucket no-such-bucket-here: the bucket does not exist")

	err = change(func(*url.URL) {})
	require.ErrorIs(t, err, storage.ErrAccessDenied)
	require.ErrorContains(t, err, "SignatureDoesNotMatch")
	require.NotContains(t, err.Error(), "hushhush")

	err = change(func(u *url.URL) { u.User = url.UserPassword("nobody", "hushhush") })
	require.ErrorIs(t, err, storage.ErrAccessDenied)

	err = change(func(u *url.URL) { u.Host = closedPort(t) })
	require.ErrorIs(t, err, storage.ErrUnreachable)
	require.NotContains(t, err.Error(), "hushhush")

	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	require.ErrorIs(t, openURL(t, good).Check(ctx), context.Canceled)
}

func TestStringHasNoSecret(t *testing.T) {
	t.Parallel()
	b, err := storage.Open(storage.Config{URL: "https://key:hushhush@host:9000/bucket/a/b/?region=x"})
	require.NoError(t, err)
	require.Equal(t, "https://host:9000/bucket/a/b/", b.String())
}
