// Package remote is the API of FHIR Bulk Data Access as its clients see it: kick-off,
// status, manifest, deletion of an export. It repeats what can be repeated. It must not
// know where files are stored.
package remote

import (
	"context"
	"errors"
	"net/http"
	"net/url"
	"time"
)

// Connection is how servers are reached.
type Connection struct {
	// CAFile has CA certificates in PEM in addition to those of the system.
	CAFile string
	// ConnectTimeout limits connecting; ResponseTimeout waiting for response headers.
	ConnectTimeout, ResponseTimeout time.Duration
	// UserAgent is the value of that header.
	UserAgent string
}

// Authorizer authorizes requests (login.Login).
type Authorizer interface {
	Authorize(ctx context.Context, r *http.Request) error
	Rejected(r *http.Request) bool
}

// Level is the level of an export.
type Level string

// The levels.
const (
	System  Level = "system"
	Patient Level = "patient"
	Group   Level = "group"
)

// Request is a kick-off request (Bulk Data 3.0.0, "Query Parameters").
type Request struct {
	Level       Level      `json:"level"`
	GroupID     string     `json:"group,omitempty"`
	Types       []string   `json:"types,omitempty"`
	Since       string     `json:"since,omitempty"`
	Until       string     `json:"until,omitempty"`
	TypeFilters []string   `json:"typeFilters,omitempty"`
	Elements    []string   `json:"elements,omitempty"`
	Patients    []string   `json:"patients,omitempty"`
	Include     []string   `json:"include,omitempty"`
	OrganizeBy  string     `json:"organizeBy,omitempty"`
	Format      string     `json:"format,omitempty"`
	Partial     bool       `json:"partial,omitempty"`
	Lenient     bool       `json:"lenient,omitempty"`
	Params      url.Values `json:"params,omitempty"`
	// Method is GET, POST, or empty: GET unless the request needs POST, or the server
	// rejects GET with 405.
	Method string `json:"method,omitempty"`
}

// Limits are how long requests are repeated.
type Limits struct {
	PollMax, KickOffWait, RetryFor time.Duration
}

// Server is a server of FHIR Bulk Data Access.
type Server struct{}

// New returns the server at a base URL. A nil login means no authentication. The warn
// function receives sentences about what the server does wrong.
func New(_ *http.Client, _ *url.URL, _ Authorizer, _ Limits, _ func(string)) *Server {
	return &Server{}
}

// RefusedError is the answer to a kick-off that was refused: 4xx.
type RefusedError struct {
	Status int
	// Issues are those of the OperationOutcome as sentences, or the beginning of the body.
	Issues []string
}

func (e *RefusedError) Error() string { return "not implemented" }

// ErrGone is the error if the server does not know the export (404, 410), and ErrFailed
// if it reports that the export failed.
var (
	ErrGone   = errors.New("the server does not know the export")
	ErrFailed = errors.New("the export failed on the server")
)

// KickOff starts an export and returns its status URL, absolute. The error is a
// *RefusedError if the server refuses the request.
func (s *Server) KickOff(_ context.Context, _ Request) (statusURL string, err error) {
	return "", errors.New("not implemented")
}

// Await polls the status until the export has ended, or has pages of a partial manifest
// that seen does not contain: page is called once for each page of the manifest in order,
// while the export runs if the server publishes pages (allowPartialManifests). progress
// is called when the text of X-Progress has changed. The pages that a caller has already
// processed (by number) are skipped.
func (s *Server) Await(_ context.Context, _ string, _ int, _ func(text string), _ func(*Manifest) error) error {
	return errors.New("not implemented")
}

// Manifest reads all pages of the manifest of a complete export again, for new links.
func (s *Server) Manifest(_ context.Context, _ string) ([]*Manifest, error) {
	return nil, errors.New("not implemented")
}

// Delete deletes an export on the server. An export that is gone is no error.
func (s *Server) Delete(_ context.Context, _ string) error {
	return errors.New("not implemented")
}

// Manifest is one page of a manifest.
type Manifest struct {
	TransactionTime     string
	Request             string
	RequiresAccessToken bool
	Files               []File // output, then deleted, then error
	// Last reports that no further page follows.
	Last bool
}

// Section is a list of files of a manifest.
type Section string

// The sections.
const (
	Output  Section = "output"
	Deleted Section = "deleted"
	Errors  Section = "error"
)

// File is a file of a manifest.
type File struct {
	Section Section
	Type    string
	// URL is absolute. It may be signed: it is in no log and in no state with its query.
	URL *url.URL
	// Count is the number of lines, Size the number of bytes (stored or plain: servers
	// differ); -1 if it is not told. SHA256 is lower-case hex, or empty.
	Count, Size int64
	SHA256      string
}
