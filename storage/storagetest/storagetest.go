// Package storagetest gives each test a prefix of its own in an S3 bucket.
//
// TEST_S3_URL is the URL of the server; `make test` starts one and sets it.
// Only tests import this package.
package storagetest

import (
	"crypto/rand"
	"net/http"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"
	"github.com/stretchr/testify/require"
)

// Bucket returns the URL of the test bucket with a prefix that no other test
// uses, for storage.Config.URL. Without TEST_S3_URL the test is skipped; on CI it fails.
func Bucket(tb testing.TB) string {
	tb.Helper()

	server := os.Getenv("TEST_S3_URL")
	if server == "" {
		if os.Getenv("CI") != "" {
			tb.Fatal("TEST_S3_URL is not set")
		}
		tb.Skip("TEST_S3_URL is not set: run make test, or point it at an S3 bucket")
	}

	u, err := url.Parse(server)
	require.NoError(tb, err)
	u.Path = strings.TrimSuffix(u.Path, "/") + "/" + strings.ToLower(rand.Text())
	return u.String()
}

// Direct returns a client of the store that shares no code with package storage, and the
// bucket and prefix of a URL.
func Direct(tb testing.TB, bucketURL string) (core minio.Core, bucket, prefix string) {
	tb.Helper()
	u, err := url.Parse(bucketURL)
	require.NoError(tb, err)
	secret, _ := u.User.Password()
	transport := &http.Transport{}
	tb.Cleanup(transport.CloseIdleConnections)
	client, err := minio.New(u.Host, &minio.Options{
		Creds:     credentials.NewStaticV4(u.User.Username(), secret, ""),
		Region:    u.Query().Get("region"),
		Transport: transport,
	})
	require.NoError(tb, err)
	bucket, prefix, _ = strings.Cut(strings.Trim(u.Path, "/"), "/")
	return minio.Core{Client: client}, bucket, prefix + "/"
}
