package transfer_test

import (
	"bytes"
	"compress/gzip"
	"net/http"
	"net/http/httptest"
	"net/url"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/transfer"
)

// BenchmarkRun downloads a file from the same process. The speed is in bytes of ndjson.
func BenchmarkRun(b *testing.B) {
	plain := fetchtest.File{Type: "Patient", Name: "Patient.ndjson", Lines: 100_000, LineBytes: 1000}.NDJSON()
	var compressed bytes.Buffer
	w := gzip.NewWriter(&compressed)
	_, err := w.Write(plain)
	require.NoError(b, err)
	require.NoError(b, w.Close())
	for name, body := range map[string][]byte{"plain": plain, "gzip": compressed.Bytes()} {
		for _, stored := range []string{"plain", "gzip"} {
			for _, verify := range []transfer.Verification{transfer.Full, transfer.Strict, transfer.Size} {
				b.Run(name+"-"+stored+"-"+string(verify), func(b *testing.B) {
					server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
						http.ServeContent(w, r, "", time.Time{}, bytes.NewReader(body))
					}))
					defer server.Close()
					link, err := url.Parse(server.URL)
					require.NoError(b, err)
					out, err := output.Directory(b.TempDir())
					require.NoError(b, err)
					b.SetBytes(int64(len(plain)))
					for b.Loop() {
						file, err := out.Create(b.Context(), "a.ndjson")
						require.NoError(b, err)
						d := transfer.Download{
							Client: server.Client(), Links: &links{link: link}, Expect: transfer.Expectation{Type: "Patient", Count: -1, Size: -1},
							File: file, Name: "a.ndjson", Options: transfer.Options{Verify: verify, Plain: stored == "plain"},
						}
						_, err = d.Run(b.Context())
						require.NoError(b, err)
					}
				})
			}
		}
	}
}
