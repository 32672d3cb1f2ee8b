// Package remote is the API of FHIR Bulk Data Access as its clients see it: kick-off,
// status, manifest, deletion of an export. It repeats what can be repeated. It must not
// know where files are stored.
//
// URLs of statuses and files may be signed: no error and no warning contains a query.
package remote

import (
	"net/http"
	"net/url"
	"sync"
	"sync/atomic"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/access"
)

// Limits are how long requests are repeated.
type Limits struct {
	// PollMax is the longest wait between polls, unless the server rejects polls with 429
	// or 503.
	PollMax time.Duration
	// KickOffWait is how long a kick-off is repeated that the server rejects for the
	// moment.
	KickOffWait time.Duration
	// RetryFor is how long a request for the status is repeated without any success.
	RetryFor time.Duration
}

// Server is a server of FHIR Bulk Data Access. It is safe for concurrent use.
type Server struct {
	client *http.Client
	base   *url.URL
	login  access.Authorizer
	limits Limits
	warn   func(string)

	reached atomic.Bool // the server has responded

	mu     sync.Mutex
	warned map[string]bool
}

// New returns the server at a base URL. A nil login means no authentication. The warn
// function receives sentences about what the server does wrong, each once.
func New(client *http.Client, base *url.URL, login access.Authorizer, limits Limits, warn func(string)) *Server {
	return &Server{client: client, base: base, login: login, limits: limits, warn: warn, warned: map[string]bool{}}
}

// maxWarnings limits the warnings of a run.
const maxWarnings = 1000

// warnOnce reports a sentence unless it was reported before. The result says whether it
// was reported now.
func (s *Server) warnOnce(text string) bool {
	s.mu.Lock()
	known := s.warned[text] || len(s.warned) == maxWarnings
	if !known {
		s.warned[text] = true
	}
	s.mu.Unlock()
	if !known {
		s.warn(text)
	}
	return !known
}
