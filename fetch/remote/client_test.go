package remote_test

import (
	"bytes"
	"compress/gzip"
	"encoding/pem"
	"errors"
	"io"
	"log"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/retry"
)

// secure returns a server with TLS, and a file with its certificate.
func secure(t *testing.T, http2 bool, handler http.HandlerFunc) (server *httptest.Server, caFile string) {
	t.Helper()
	server = httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = http2
	server.Config.ErrorLog = log.New(io.Discard, "", 0)
	server.StartTLS()
	t.Cleanup(server.Close)
	caFile = filepath.Join(t.TempDir(), "ca.pem")
	block := pem.EncodeToMemory(&pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw})
	if err := os.WriteFile(caFile, block, 0o600); err != nil {
		t.Fatal(err)
	}
	return server, caFile
}

// client returns a client for a server that secure has started.
func client(t *testing.T, caFile string) *http.Client {
	t.Helper()
	client, err := remote.Client(remote.Connection{CAFile: caFile, UserAgent: "sluice/1"})
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(client.CloseIdleConnections)
	return client
}

// get sends a request with credentials.
func get(t *testing.T, client *http.Client, method, url string) (*http.Response, string, error) {
	t.Helper()
	r, err := http.NewRequestWithContext(t.Context(), method, url, http.NoBody)
	if err != nil {
		t.Fatal(err)
	}
	r.Header.Set("Authorization", "Bearer token")
	response, err := client.Do(r)
	if err != nil {
		return nil, "", err
	}
	body, err := io.ReadAll(response.Body)
	return response, string(body), errors.Join(err, response.Body.Close())
}

// TestPrivateCA: the CA is needed, and HTTP/2 is used. Bodies are left compressed if they
// are, and are not requested so.
func TestPrivateCA(t *testing.T) {
	var zipped bytes.Buffer
	w := gzip.NewWriter(&zipped)
	if _, err := io.WriteString(w, "lines"); err != nil {
		t.Fatal(err)
	}
	if err := w.Close(); err != nil {
		t.Fatal(err)
	}
	for _, http2 := range []bool{false, true} {
		server, caFile := secure(t, http2, func(w http.ResponseWriter, r *http.Request) {
			w.Header().Set("Content-Encoding", "gzip")
			w.Header().Set("Agent", r.UserAgent()+r.Header.Get("Accept-Encoding"))
			_, _ = w.Write(zipped.Bytes())
		})
		response, body, err := get(t, client(t, caFile), http.MethodGet, server.URL)
		if err != nil || body != zipped.String() || response.Header.Get("Agent") != "sluice/1" || (response.ProtoMajor == 2) != http2 {
			t.Errorf("HTTP/2 %v: %+v with %q (%v)", http2, response, body, err)
		}
		if _, _, err := get(t, client(t, ""), http.MethodGet, server.URL); err == nil || retry.IsTransient(0, err) {
			t.Errorf("error without the CA %v, want one of the certificate", err)
		}
	}
}

func TestInvalidCA(t *testing.T) {
	empty := filepath.Join(t.TempDir(), "empty.pem")
	if err := os.WriteFile(empty, []byte("no certificate"), 0o600); err != nil {
		t.Fatal(err)
	}
	for file, want := range map[string]string{empty: "has no certificate in PEM", empty + ".x": "no such file"} {
		if _, err := remote.Client(remote.Connection{CAFile: file}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error %v, want one with %q", err, want)
		}
	}
}

// TestRedirects: credentials stay at the server that they are for, and no server learns
// the URL of another.
func TestRedirects(t *testing.T) {
	const api = "https://fhir.example.org"
	tests := []struct {
		name string
		// hops are the URLs that are requested, in order.
		hops []string
		// credentials is the number of them that receive the credentials.
		credentials int
	}{
		{"same server", []string{api + "/a?x", api + "/b", "https://fhir.example.org:443/c"}, 3},
		{"other host", []string{api + "/a?x", "https://s3.example.org/b"}, 1},
		{"subdomain", []string{api + "/a?x", "https://files.fhir.example.org/b"}, 1},
		{"other port", []string{api + "/a?x", api + ":8443/b"}, 1},
		{"there and back", []string{api + "/a?x", "https://s3.example.org/b", api + "/c"}, 1},
		{"to http", []string{api + "/a?x", "http://fhir.example.org/b"}, 1},
		{"to http and back", []string{api + "/a?x", "http://fhir.example.org/b", api + "/c"}, 1},
		{"to http on the same port", []string{api + "/a?x", "http://fhir.example.org:443/b"}, 1},
		{"to https", []string{"http://fhir.example.org/a?x", api + "/b"}, 2},
		{"to https on another port", []string{"http://fhir.example.org/a", api + ":8443/b"}, 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			script := &script{t: t, answer: func(n int, _ *http.Request) reply {
				if n == len(test.hops) {
					return reply{status: 200}
				}
				return reply{status: 307, header: map[string]string{"Location": test.hops[n]}}
			}}
			client := client(t, "")
			client.Transport = script
			if _, _, err := get(t, client, http.MethodGet, test.hops[0]); err != nil {
				t.Fatal(err)
			}
			got := 0
			for i, r := range script.requests {
				if r.url != test.hops[i] || r.header.Get("Referer") != "" {
					t.Errorf("request %d to %s with Referer %q, want %s", i, r.url, r.header.Get("Referer"), test.hops[i])
				}
				if r.header.Get("Authorization") != "" {
					got++
				}
			}
			if got != test.credentials || len(script.requests) != len(test.hops) {
				t.Errorf("%d of %d requests had credentials, want %d of %d", got, len(script.requests), test.credentials, len(test.hops))
			}
		})
	}
}

func TestRefusedRedirects(t *testing.T) {
	tests := []struct {
		name, method, location string
		status                 int
		want                   string
	}{
		{"endless", "GET", "/again", 302, "more than 10 redirects"},
		{"DELETE becomes GET", "DELETE", "/again", 302, "from DELETE to GET"},
		{"POST becomes GET", "POST", "/again", 303, "from POST to GET"},
		{"scheme", "GET", "file:///etc/passwd", 302, "neither http nor https"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			client := client(t, "")
			client.Transport = &script{t: t, answer: replies(reply{status: test.status, header: map[string]string{"Location": test.location}})}
			_, _, err := get(t, client, test.method, base)
			if err == nil || !strings.Contains(err.Error(), test.want) || retry.IsTransient(0, err) {
				t.Errorf("error %v, want a permanent one with %q", err, test.want)
			}
		})
	}
}

// TestRejectedElsewhere: a 401 of a server that received no credentials says nothing about
// them.
func TestRejectedElsewhere(t *testing.T) {
	script := &script{t: t, answer: func(_ int, r *http.Request) reply {
		if r.URL.Host == "fhir.example.org" {
			return reply{status: 307, header: map[string]string{"Location": "https://s3.example.org/"}}
		}
		return reply{status: 401}
	}}
	client := client(t, "")
	client.Transport = script
	login := &accounts{tokens: []string{"1", "2"}}
	server := remote.New(client, parse(t, base), login, remote.Limits{}, script.warn)
	var refused *remote.RefusedError
	if _, err := server.KickOff(t.Context(), system); !errors.As(err, &refused) || len(login.tokens) != 2 {
		t.Errorf("error %v, tokens %q, want status 401 and both tokens", err, login.tokens)
	}
}

// TestResponseTimeout: it limits the wait for the headers, not the response.
func TestResponseTimeout(t *testing.T) {
	var once sync.Once
	release := make(chan struct{})
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.URL.Path == "/late" {
			<-release
			return
		}
		w.WriteHeader(http.StatusOK)
		w.(http.Flusher).Flush()
		time.Sleep(600 * time.Millisecond)
		_, _ = io.WriteString(w, "late")
	}))
	defer server.Close()
	defer once.Do(func() { close(release) })
	client, err := remote.Client(remote.Connection{ResponseTimeout: 200 * time.Millisecond})
	if err != nil {
		t.Fatal(err)
	}
	if _, _, err := get(t, client, http.MethodGet, server.URL+"/late"); err == nil || !retry.IsTransient(0, err) {
		t.Errorf("error %v, want a timeout", err)
	}
	if _, body, err := get(t, client, http.MethodGet, server.URL); err != nil || body != "late" {
		t.Errorf("body %q (%v), want it although it takes longer than the timeout", body, err)
	}
}
