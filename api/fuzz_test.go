package api

import (
	"bufio"
	"bytes"
	"encoding/json"
	"io"
	"log/slog"
	"net/http"
	"net/http/httptest"
	"net/netip"
	"net/url"
	"strings"
	"testing"

	"github.com/gin-gonic/gin"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/auth/smart"
)

// FuzzRequest: any request without credentials gets a well-formed response below 500
// without using a database.
func FuzzRequest(f *testing.F) {
	for _, seed := range []string{
		"GET /Patient/$dump?fhir=true HTTP/1.1\r\nHost: x\r\n\r\n",
		"GET /fhir/$export?_type=Patient HTTP/1.1\r\nHost: x\r\nPrefer: respond-async\r\nX-Forwarded-For: 1.2.3.4\r\n\r\n",
		"DELETE /fhir/$export-status/6f4b6a43-5a3a-4f0c-b8a3-2a2b9d2a7f10 HTTP/1.1\r\nHost: x\r\n\r\n",
		"POST /auth/token HTTP/1.1\r\nHost: x\r\nContent-Type: application/x-www-form-urlencoded\r\nContent-Length: 40\r\n\r\ngrant_type=client_credentials&scope=abcd",
		"GET /.well-known/smart-configuration HTTP/1.0\r\n\r\n",
	} {
		f.Add([]byte(seed))
	}
	tokens := smart.NewTokens(nil, nil, smart.Config{})
	handler := New(Config{BaseURL: "https://sluice.example.org", Logger: slog.New(slog.DiscardHandler), Tokens: tokens}).Handler()
	f.Fuzz(func(t *testing.T, text []byte) {
		request, err := http.ReadRequest(bufio.NewReader(bytes.NewReader(text)))
		if err != nil {
			return
		}
		request.Header.Del("Authorization") // what follows would ask the database
		request.RemoteAddr = "192.0.2.1:1"
		recorder := httptest.NewRecorder()
		handler.ServeHTTP(recorder, request)

		got := recorder.Result()
		require.Less(t, got.StatusCode, 500, recorder.Body.String())
		require.Equal(t, "nosniff", got.Header.Get("X-Content-Type-Options"))
		if got.StatusCode >= 400 && request.Method != http.MethodHead {
			require.True(t, json.Valid(recorder.Body.Bytes()), recorder.Body.String())
		}
		for name, values := range got.Header {
			require.NotContains(t, name+strings.Join(values, ""), "\n")
		}
	})
}

// FuzzForm: a form is refused, or has each parameter once.
func FuzzForm(f *testing.F) {
	f.Add("grant_type=client_credentials&scope=system%2F*.rs")
	f.Add("a=b;c=d&%zz&a=c")
	f.Fuzz(func(t *testing.T, body string) {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequestWithContext(t.Context(), http.MethodPost, "/auth/token?scope=x", io.NopCloser(strings.NewReader(body)))
		c.Request.Header.Set("Content-Type", "application/x-www-form-urlencoded")
		form, err := readForm(c)
		if err != nil {
			return
		}
		require.LessOrEqual(t, len(body), maxTokenRequestBytes)
		for _, values := range form {
			require.Len(t, values, 1)
		}
	})
}

// FuzzOrigin: whatever a trusted proxy sends, the base URL is a valid URL.
func FuzzOrigin(f *testing.F) {
	f.Add("https", "fhir.example.org:8443")
	f.Add("javascript", "[::1]:80, evil/\r\n")
	a := New(Config{Logger: slog.New(slog.DiscardHandler), Proxies: []netip.Prefix{netip.MustParsePrefix("0.0.0.0/0")}})
	f.Fuzz(func(t *testing.T, scheme, name string) {
		c, _ := gin.CreateTestContext(httptest.NewRecorder())
		c.Request = httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/", http.NoBody)
		c.Request.Header.Set("X-Forwarded-Proto", scheme)
		c.Request.Header.Set("X-Forwarded-Host", name)
		u, err := url.Parse(a.baseURL(c))
		if err != nil { // a port or an address of IPv6 that is none
			return
		}
		require.Contains(t, []string{"http", "https"}, u.Scheme)
		require.Empty(t, u.User)
		require.Empty(t, u.Path+u.RawQuery+u.Fragment)
	})
}
