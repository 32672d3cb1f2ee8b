package storage_test

import (
	"net/http"
	"net/http/httptest"
	"net/url"
	"strings"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/storage"
)

// TestEncryption: only the request that begins an upload has the encryption. The test
// servers have no key service, so a fake server records the requests.
func TestEncryption(t *testing.T) {
	t.Parallel()
	for kind, want := range map[string][2]string{
		"":                   {},
		"SSE-S3":             {"AES256", ""},
		"SSE-KMS":            {"aws:kms", ""},
		"SSE-KMS:arn:aws:k1": {"aws:kms", "arn:aws:k1"},
	} {
		var mu sync.Mutex
		heard := map[string][2]string{}
		server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			mu.Lock()
			defer mu.Unlock()
			step := r.Method + " " + strings.Join(sortedKeys(r.URL.Query()), "&")
			heard[step] = [2]string{r.Header.Get("X-Amz-Server-Side-Encryption"), r.Header.Get("X-Amz-Server-Side-Encryption-Aws-Kms-Key-Id")}
			switch step {
			case "POST uploads":
				_, _ = w.Write([]byte(`<InitiateMultipartUploadResult><UploadId>u</UploadId></InitiateMultipartUploadResult>`))
			case "POST uploadId":
				_, _ = w.Write([]byte(`<CompleteMultipartUploadResult><Bucket>bucket</Bucket><Key>a</Key><ETag>e</ETag></CompleteMultipartUploadResult>`))
			default:
				w.Header().Set("ETag", "e")
			}
		}))
		t.Cleanup(server.Close)
		b, err := storage.Open(storage.Config{URL: strings.Replace(server.URL, "http://", "http://k:s@", 1) + "/bucket", Encryption: kind})
		require.NoError(t, err)
		t.Cleanup(b.Close)
		put(t, b, "a", "text")
		require.Equal(t, map[string][2]string{"POST uploads": want, "PUT partNumber&uploadId": {}, "POST uploadId": {}}, heard)
	}
	for _, wrong := range []string{"AES256", "sse-s3", "SSE-S3:k", "SSE-KMS:", "SSE-C"} {
		_, err := storage.Open(storage.Config{URL: "http://k:s@host/bucket", Encryption: wrong})
		require.ErrorContains(t, err, "SSE-KMS", wrong)
	}
}

func sortedKeys(query url.Values) []string {
	names := strings.Split(query.Encode(), "&")
	for i, name := range names {
		names[i], _, _ = strings.Cut(name, "=")
	}
	return names
}
