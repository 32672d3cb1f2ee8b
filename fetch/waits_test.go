package fetch

import (
	"context"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/fetch/login"
)

// TestGrowingPage: files that a server adds to the page of a partial manifest are stored,
// and each of them is downloaded once.
func TestGrowingPage(t *testing.T) {
	var polls, downloads atomic.Int32
	var server *httptest.Server
	last := make(chan struct{}) // until then, the first file is being downloaded
	mux := http.NewServeMux()
	mux.HandleFunc("/fhir/$export", func(w http.ResponseWriter, _ *http.Request) {
		w.Header().Set("Content-Location", server.URL+"/status")
		w.WriteHeader(http.StatusAccepted)
	})
	mux.HandleFunc("/status", func(w http.ResponseWriter, _ *http.Request) {
		n := int(polls.Add(1))
		list := []any{}
		for i := range n {
			list = append(list, map[string]any{"type": "Patient", "count": 1, "url": fmt.Sprintf("%s/download/%d", server.URL, i+1)})
		}
		w.Header().Set("Retry-After", "1")
		if n < 3 {
			w.WriteHeader(http.StatusAccepted)
		}
		_ = json.NewEncoder(w).Encode(map[string]any{"transactionTime": "2026-01-01T00:00:00Z", "requiresAccessToken": false, "output": list})
	})
	mux.HandleFunc("/download/", func(w http.ResponseWriter, r *http.Request) {
		downloads.Add(1)
		switch filepath.Base(r.URL.Path) {
		case "1":
			select {
			case <-last:
			case <-r.Context().Done():
			}
		case "3":
			close(last)
		}
		_, _ = io.WriteString(w, `{"resourceType":"Patient","id":"`+filepath.Base(r.URL.Path)+`"}`+"\n")
	})
	server = httptest.NewServer(mux)
	defer server.Close()

	o := options(t, &fetchtest.Server{BaseURL: server.URL + "/fhir"}, t.TempDir())
	o.Request.Partial = true
	ctx, cancel := context.WithTimeout(t.Context(), 2*time.Minute)
	defer cancel()
	result, err := Run(ctx, o)
	require.NoError(t, err)
	require.EqualValues(t, 3, result.Files)
	require.EqualValues(t, 3, result.Resources)
	require.EqualValues(t, 3, downloads.Load())
}

// TestDeleteAsksToWait: a complete run does not wait for an hour to delete the export.
func TestDeleteAsksToWait(t *testing.T) {
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 10), Faults: []fetchtest.Fault{
		fetchtest.Delete.Always(fetchtest.Reject(http.StatusTooManyRequests, fetchtest.RetryAfter("3600"))),
	}})
	o := options(t, server, t.TempDir())
	began := time.Now()
	_, err := Run(t.Context(), o)
	require.NoError(t, err)
	require.Less(t, time.Since(began), 2*time.Minute)
	require.Len(t, server.Requests(fetchtest.Delete), 1)
}

// TestCancelWithoutDelete: an export that the server cannot delete can be cancelled.
func TestCancelWithoutDelete(t *testing.T) {
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 2, 10), Faults: []fetchtest.Fault{
		fetchtest.Download.File("Patient.2.ndjson").Always(fetchtest.Reject(http.StatusNotImplemented)),
		fetchtest.Delete.Always(fetchtest.Reject(http.StatusMethodNotAllowed)),
	}})
	dir := t.TempDir()
	o := options(t, server, dir)
	_, err := Run(t.Context(), o)
	require.Error(t, err)
	warned := false
	o.Reporter.(*recorder).on = func(e Event) {
		warned = warned || strings.Contains(e.Text, "does not delete the export (status 405)")
	}
	_, err = Cancel(t.Context(), o)
	require.NoError(t, err)
	require.True(t, warned)
	require.NotContains(t, names(tree(t, dir)), stateName)
}

// TestTokenEndpointAsksToWait: a run does not wait longer than RetryFor for a token.
func TestTokenEndpointAsksToWait(t *testing.T) {
	server := fetchtest.New(t, fetchtest.Options{
		Files: fetchtest.Files("Patient", 1, 1), Auth: fetchtest.Auth{Method: fetchtest.ClientSecret, ClientID: "c", Secret: "s"},
		Faults: []fetchtest.Fault{fetchtest.Token.Always(fetchtest.Reject(http.StatusTooManyRequests, fetchtest.RetryAfter("3600")))},
	})
	o := options(t, server, t.TempDir())
	o.Login = login.Options{Method: login.Secret, ClientID: "c", Secret: func() (string, error) { return "s", nil }}
	began := time.Now()
	_, err := Run(t.Context(), o)
	require.ErrorContains(t, err, "429")
	require.Less(t, time.Since(began), 5*time.Minute)
}

// TestUnknownHost: a run does not wait for a host that does not exist.
func TestUnknownHost(t *testing.T) {
	for _, method := range []login.Method{login.None, login.SMART} {
		o := options(t, &fetchtest.Server{BaseURL: "https://fhir.example.invalid/r4"}, t.TempDir())
		o.RetryFor, o.KickOffWait = time.Hour, time.Hour
		if method == login.SMART {
			private, _, err := login.GenerateKey("")
			require.NoError(t, err)
			key := filepath.Join(t.TempDir(), "key.json")
			require.NoError(t, os.WriteFile(key, private, 0o600))
			o.Login = login.Options{Method: method, ClientID: "c", KeyFile: key}
		}
		began := time.Now()
		_, err := Run(t.Context(), o)
		require.Equal(t, Local, kindOfError(t, err), "%v", err)
		require.Less(t, time.Since(began), 2*time.Minute)
	}
}

// TestQuotedToken: a token that the server quotes is neither in an error nor in a file.
func TestQuotedToken(t *testing.T) {
	server := fetchtest.New(t, fetchtest.Options{Files: fetchtest.Files("Patient", 1, 1), Faults: []fetchtest.Fault{
		fetchtest.Status.Always(func(*fetchtest.Server, http.Handler) http.Handler {
			return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
				fetchtest.Outcome(w, http.StatusForbidden, "not allowed: "+r.Header.Get("Authorization"))
			})
		}),
	}})
	dir := t.TempDir()
	o := options(t, server, dir)
	o.Login = login.Options{Token: func() (string, error) { return "TOPSECRET", nil }}
	_, err := Run(t.Context(), o)
	require.ErrorContains(t, err, "not allowed: Bearer ***")
	for name, content := range tree(t, dir) {
		require.NotContains(t, content, "TOPSECRET", name)
	}
}
