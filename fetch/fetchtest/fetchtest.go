// Package fetchtest is a server of FHIR Bulk Data Access for tests of clients. It can do
// everything that servers do wrong: cut, stall and corrupt responses, report wrong counts,
// let links expire, redirect, reject with 429, change ETags.
//
// A test says what the server has, and what goes wrong on which request:
//
//	server := fetchtest.New(t, fetchtest.Options{
//		Files: fetchtest.Files("Patient", 3, 100),
//		Faults: []fetchtest.Fault{
//			fetchtest.KickOff.First(2, fetchtest.Reject(429, fetchtest.RetryAfter("1"))),
//			fetchtest.Download.Nth(3, fetchtest.CutAfter(1000)),
//			fetchtest.Download.File("Patient.2.ndjson").Always(fetchtest.NoRanges()),
//		},
//	})
//
// and afterwards looks at Requests. It must not know any client.
package fetchtest

import (
	"encoding/pem"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"sync"
	"testing"

	"github.com/stretchr/testify/require"
)

// Options are what a server has and does.
type Options struct {
	// Files are the files of each export.
	Files []File
	// Export returns the files of the nth export (from 1) by its kick-off, in place of
	// Files.
	Export func(n int, kickOff Request) []File
	// TransactionTime returns the transactionTime of the nth export. Default: 2026-01-01
	// plus n hours.
	TransactionTime func(n int) string

	// MaxExports rejects kick-offs with 429 while that many exports were not deleted; 0
	// means no maximum.
	MaxExports int
	// Polls is how often the status is 202 before the export is complete.
	Polls int
	// Pages is the number of pages of the manifest; 0 means 1.
	Pages int
	// Partial publishes one more page with each poll while the export runs, to clients
	// that ask for allowPartialManifests.
	Partial bool
	// Location is the form of the status URL in Content-Location.
	Location Location
	// Manifest is what the manifest contains.
	Manifest ManifestOptions
	// Links is where files are.
	Links Links
	// Encoding is how files are sent.
	Encoding Encoding
	// Auth is how clients authenticate. The zero value accepts all requests.
	Auth Auth
	// TLS serves HTTPS with a certificate of a private CA (Server.CAFile). HTTP2 adds
	// HTTP/2.
	TLS, HTTP2 bool
	// Faults are what goes wrong. Several can apply to one request: the first is the
	// outermost.
	Faults []Fault
}

// Server is a running server. It stops with the test.
type Server struct {
	// BaseURL is the FHIR base URL.
	BaseURL string
	// CAFile has the CA certificate in PEM if the server speaks TLS.
	CAFile string

	t       testing.TB
	options Options
	ready   chan struct{} // closed when all fields are set
	closing chan struct{}
	api     *httptest.Server
	storage *httptest.Server

	mu       sync.Mutex
	requests []Request
	counts   map[string]int
	exports  map[int]*export
	links    linkState
	tokens   map[string]token
	used     map[string]bool // identifiers of assertions
}

// New starts a server.
func New(t testing.TB, options Options) *Server {
	t.Helper()
	s := &Server{t: t, options: options, ready: make(chan struct{}), closing: make(chan struct{}),
		counts: map[string]int{}, exports: map[int]*export{}, tokens: map[string]token{}, used: map[string]bool{}}
	s.api = s.listen(s.routes())
	s.storage = s.listen(s.storageRoutes())
	s.BaseURL = s.api.URL + "/fhir"
	close(s.ready)
	t.Cleanup(func() {
		close(s.closing)
		for _, server := range []*httptest.Server{s.api, s.storage} {
			server.CloseClientConnections()
			server.Close()
		}
	})
	return s
}

// listen starts one listener. Both have the same certificate.
func (s *Server) listen(routes http.Handler) *httptest.Server {
	handler := http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		<-s.ready
		routes.ServeHTTP(w, r)
	})
	if !s.options.TLS {
		return httptest.NewServer(handler)
	}
	server := httptest.NewUnstartedServer(handler)
	server.EnableHTTP2 = s.options.HTTP2
	server.StartTLS()
	if s.CAFile == "" {
		s.CAFile = filepath.Join(s.t.TempDir(), "ca.pem")
		block := &pem.Block{Type: "CERTIFICATE", Bytes: server.Certificate().Raw}
		require.NoError(s.t, os.WriteFile(s.CAFile, pem.EncodeToMemory(block), 0o600))
	}
	return server
}

// Client returns a client that trusts the certificate of the server, and does not
// decompress responses.
func (s *Server) Client() *http.Client {
	client := *s.api.Client()
	transport := client.Transport.(*http.Transport).Clone()
	transport.DisableCompression = true
	client.Transport = transport
	s.t.Cleanup(transport.CloseIdleConnections)
	return &client
}

// routes are the routes of the FHIR server.
func (s *Server) routes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /fhir/.well-known/smart-configuration", s.serve(Discovery, s.smartConfiguration))
	mux.Handle("GET /fhir/metadata", s.serve(Metadata, s.capabilityStatement))
	mux.Handle("POST /auth/token", s.serve(Token, s.token))
	for _, path := range []string{"/fhir/$export", "/fhir/Patient/$export", "/fhir/Group/{id}/$export"} {
		mux.Handle("GET "+path, s.serve(KickOff, s.authorized(s.kickOff)))
		mux.Handle("POST "+path, s.serve(KickOff, s.authorized(s.kickOff)))
	}
	mux.Handle("GET /fhir/status/{export}", s.serve(Status, s.authorized(s.status)))
	mux.Handle("DELETE /fhir/status/{export}", s.serve(Delete, s.authorized(s.delete)))
	mux.Handle("GET /fhir/status/{export}/{page}", s.serve(Page, s.authorized(s.status)))
	mux.Handle("GET /files/{export}/{folder}/{file}", s.serve(s.fileTarget(), s.file))
	return mux
}

// storageRoutes are the routes of the other host, which has the files.
func (s *Server) storageRoutes() http.Handler {
	mux := http.NewServeMux()
	mux.Handle("GET /bucket/{export}/{folder}/{file}", s.serve(Download, s.stored))
	return mux
}
