// Package storagetest gives each test a place of its own in an S3 bucket.
//
// The server is the one TEST_S3_URL names; `make test` starts one and sets it.
// Only tests import this package.
package storagetest

import (
	"crypto/rand"
	"net/url"
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"
)

// Bucket returns the URL of the test bucket with a prefix that no other test
// uses, in the form storage.Config.URL takes. Without TEST_S3_URL the test is
// skipped; on CI it fails, since there nothing may be skipped.
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
