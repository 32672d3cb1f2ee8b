package storage_test

import (
	"fmt"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/storage"
)

// Errors distinguish a full store, a failing store, and a store that denies access.
func TestErrorsOfTheStore(t *testing.T) {
	t.Parallel()
	for _, test := range []struct {
		status int
		code   string // empty: the response is not XML
		want   error
	}{
		{http.StatusInsufficientStorage, "XMinioStorageFull", storage.ErrFull},
		{http.StatusInsufficientStorage, "", storage.ErrFull},
		{http.StatusForbidden, "QuotaExceeded", storage.ErrFull},
		{http.StatusBadRequest, "XMinioAdminBucketQuotaExceeded", storage.ErrFull},
		{http.StatusServiceUnavailable, "SlowDown", storage.ErrUnavailable},
		{http.StatusTooManyRequests, "TooManyRequests", storage.ErrUnavailable},
		{http.StatusBadGateway, "", storage.ErrUnavailable},
		{http.StatusInternalServerError, "InternalError", storage.ErrUnavailable},
		{http.StatusOK, "", storage.ErrUnavailable},
		{http.StatusForbidden, "AccessDenied", storage.ErrAccessDenied},
		{http.StatusForbidden, "RequestTimeTooSkewed", storage.ErrAccessDenied},
		{http.StatusNotFound, "NoSuchBucket", storage.ErrNoBucket},
	} {
		t.Run(fmt.Sprint(test.status, test.code), func(t *testing.T) {
			t.Parallel()
			server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, _ *http.Request) {
				w.WriteHeader(test.status)
				if test.code == "" {
					_, _ = fmt.Fprint(w, "<html><p>It works!</html>")
					return
				}
				_, _ = fmt.Fprintf(w, "<Error><Code>%s</Code><Message>no</Message></Error>", test.code)
			}))
			t.Cleanup(server.Close)
			b := openURL(t, strings.Replace(server.URL, "http://", "http://key:secret@", 1)+"/bucket")
			require.ErrorIs(t, b.Check(t.Context()), test.want)
			_, err := b.Upload(t.Context(), "key", strings.NewReader("data"))
			require.ErrorIs(t, err, test.want)
		})
	}
}

func TestCheckWrite(t *testing.T) {
	t.Parallel()
	b := open(t)
	require.NoError(t, b.CheckWrite(t.Context()))
	require.Empty(t, keys(t, b, ""))

	// A policy that permits listing but not writing.
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			_, _ = fmt.Fprint(w, "<ListBucketResult><Name>bucket</Name></ListBucketResult>")
			return
		}
		w.WriteHeader(http.StatusForbidden)
		_, _ = fmt.Fprint(w, "<Error><Code>AccessDenied</Code></Error>")
	}))
	t.Cleanup(server.Close)
	b = openURL(t, strings.Replace(server.URL, "http://", "http://key:secret@", 1)+"/bucket")
	require.NoError(t, b.Check(t.Context()))
	require.ErrorIs(t, b.CheckWrite(t.Context()), storage.ErrAccessDenied)
}
