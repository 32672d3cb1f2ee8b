package storage_test

import (
	"bytes"
	"compress/gzip"
	"io"
	"net/http"
	"net/url"
	"os/exec"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/storage/storagetest"
)

const line = "a line of an export\n"

// pack compresses a text with the gzip of the standard library.
func pack(t *testing.T, text string) string {
	t.Helper()
	var packed bytes.Buffer
	w := gzip.NewWriter(&packed)
	_, err := io.WriteString(w, text)
	require.NoError(t, err)
	require.NoError(t, w.Close())
	return packed.String()
}

func TestLinkInCurl(t *testing.T) {
	t.Parallel()
	if _, err := exec.LookPath("curl"); err != nil {
		t.Skip("curl is not on the PATH")
	}
	b := open(t)
	packed := pack(t, line)
	put(t, b, "x/Patient.0001.ndjson.gz", packed)

	curl := func(args ...string) string {
		out, err := exec.CommandContext(t.Context(), "curl", append([]string{"-sS", "--fail"}, args...)...).Output()
		require.NoError(t, err)
		return string(out)
	}
	signed := link(t, b, "x/Patient.0001.ndjson.gz", storage.LinkOptions{
		ContentType:     "application/fhir+ndjson",
		ContentEncoding: "gzip",
		FileName:        "Patient.0001.ndjson",
	})
	require.Equal(t, packed, curl(signed))
	require.Equal(t, line, curl("--compressed", signed))

	header := strings.ToLower(curl("-D", "-", "-o", "/dev/null", signed))
	require.Contains(t, header, "content-type: application/fhir+ndjson\r\n")
	require.Contains(t, header, "content-encoding: gzip\r\n")
	require.Contains(t, header, "content-disposition: attachment; filename=patient.0001.ndjson\r\n")
}

func TestLinkLeavesHeadersAlone(t *testing.T) {
	t.Parallel()
	b := open(t)
	packed := pack(t, line)
	put(t, b, "a.ndjson.gz", packed)

	status, header, body := get(t, link(t, b, "a.ndjson.gz", storage.LinkOptions{}))
	require.Equal(t, http.StatusOK, status)
	require.Equal(t, packed, string(body))
	require.Empty(t, header.Get("Content-Encoding"))
	require.Empty(t, header.Get("Content-Disposition"))
}

func TestLinkFileNames(t *testing.T) {
	t.Parallel()
	b := open(t)
	put(t, b, "a", "text")

	for name, want := range map[string]string{
		"two words.ndjson":     `attachment; filename="two words.ndjson"`,
		"Größe.ndjson":         `attachment; filename*=utf-8''Gr%C3%B6%C3%9Fe.ndjson`,
		"a\r\nSet-Cookie: b=c": `attachment; filename*=utf-8''a%0D%0ASet-Cookie%3A%20b%3Dc`,
	} {
		_, header, _ := get(t, link(t, b, "a", storage.LinkOptions{FileName: name}))
		require.Equal(t, want, header.Get("Content-Disposition"))
		require.Empty(t, header.Get("Set-Cookie"))
	}
	_, err := b.Link(t.Context(), "a", storage.LinkOptions{ContentType: "a/b\r\nSet-Cookie: b=c"})
	require.ErrorContains(t, err, "control character")
}

func TestLinkTampered(t *testing.T) {
	t.Parallel()
	b := open(t)
	put(t, b, "a", "mine")
	put(t, b, "b", "not yours")
	signed := link(t, b, "a", storage.LinkOptions{ContentType: "text/plain"})

	for name, change := range map[string]func(u *url.URL, q url.Values){
		"other object":   func(u *url.URL, _ url.Values) { u.Path = strings.TrimSuffix(u.Path, "a") + "b" },
		"longer life":    func(_ *url.URL, q url.Values) { q.Set("X-Amz-Expires", "604800") },
		"other header":   func(_ *url.URL, q url.Values) { q.Set("response-content-type", "text/html") },
		"one header new": func(_ *url.URL, q url.Values) { q.Set("response-content-encoding", "gzip") },
		"no signature":   func(_ *url.URL, q url.Values) { q.Del("X-Amz-Signature") },
	} {
		u, err := url.Parse(signed)
		require.NoError(t, err)
		q := u.Query()
		change(u, q)
		u.RawQuery = q.Encode()
		status, _, body := get(t, u.String())
		require.GreaterOrEqual(t, status, 400, name)
		require.Less(t, status, 500, name)
		require.NotContains(t, string(body), "yours", name)
	}
	status, _, _ := get(t, signed)
	require.Equal(t, http.StatusOK, status)
}

func TestLinkExpires(t *testing.T) {
	t.Parallel()
	b := open(t)
	put(t, b, "a", "text")

	for expires, seconds := range map[time.Duration]string{
		0: "3600", time.Second: "1", 90 * time.Minute: "5400", 7 * 24 * time.Hour: "604800",
	} {
		u, err := url.Parse(link(t, b, "a", storage.LinkOptions{Expires: expires}))
		require.NoError(t, err)
		require.Equal(t, seconds, u.Query().Get("X-Amz-Expires"))
	}
	for _, expires := range []time.Duration{-time.Second, time.Millisecond, 7*24*time.Hour + time.Second} {
		_, err := b.Link(t.Context(), "a", storage.LinkOptions{Expires: expires})
		require.Error(t, err, expires)
	}

	short := link(t, b, "a", storage.LinkOptions{Expires: time.Second})
	require.Eventually(t, func() bool {
		status, _, _ := get(t, short)
		return status == http.StatusForbidden || status == http.StatusBadRequest
	}, time.Minute, 100*time.Millisecond)
}

func TestLinkUnderThePublicEndpoint(t *testing.T) {
	t.Parallel()
	inside := storagetest.Bucket(t)
	var through atomic.Int32
	outside, err := url.Parse(proxied(t, inside, func(*http.Response) { through.Add(1) }))
	require.NoError(t, err)

	b, err := storage.Open(storage.Config{URL: inside, PublicURL: "http://" + outside.Host})
	require.NoError(t, err)
	t.Cleanup(b.Close)
	put(t, b, "a", "text")
	require.Zero(t, through.Load(), "uploads take the inner way")

	signed := link(t, b, "a", storage.LinkOptions{})
	require.Zero(t, through.Load(), "signing asks nobody")
	require.True(t, strings.HasPrefix(signed, "http://"+outside.Host+"/"), signed)
	_, _, body := get(t, signed)
	require.Equal(t, "text", string(body))
	require.EqualValues(t, 1, through.Load())
}
