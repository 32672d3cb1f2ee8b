package fetchtest

import (
	"fmt"
	"net/http"
	"net/url"
	"strconv"
)

// Links is where files are.
type Links struct {
	// Host is the host of the files.
	Host Host
	// Move gives files another path with each manifest.
	Move bool
	// Fixed gives all manifests the same links.
	Fixed bool
	// AccessToken overrides requiresAccessToken of the manifest, if it is not nil.
	AccessToken *bool
}

// Host is a host of files.
type Host int

// The hosts.
const (
	// OnServer serves files from the FHIR server to authorized clients.
	OnServer Host = iota
	// Signed serves files from the FHIR server to everyone who has the link.
	Signed
	// Presigned serves files from another host with presigned links, as S3 does.
	Presigned
	// Redirected has links to the FHIR server, which redirects authorized clients to
	// presigned links.
	Redirected
)

// requireAccessToken returns the value for the manifest.
func (l Links) requireAccessToken(auth Auth) bool {
	if l.AccessToken != nil {
		return *l.AccessToken
	}
	return auth.Method != NoAuth && (l.Host == OnServer || l.Host == Redirected)
}

// linkState is which links are good. Each manifest has links of a generation of its own.
type linkState struct {
	generation int
	expired    int // up to this generation
	expiry     Expiry
}

// Expiry is how a server answers to links that have expired.
type Expiry struct {
	Status int
	// Type is the Content-Type of the response, Body its body. An empty body means an
	// OperationOutcome.
	Type, Body string
}

// The ways links expire.
var (
	Expired403 = Expiry{http.StatusForbidden, "application/xml",
		`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<Error><Code>AccessDenied</Code><Message>Request has expired</Message><X-Amz-Expires>900</X-Amz-Expires><RequestId>1</RequestId></Error>`}
	Expired400 = Expiry{http.StatusBadRequest, "application/xml",
		`<?xml version="1.0" encoding="UTF-8"?>` + "\n" + `<Error><Code>ExpiredToken</Code><Message>The provided token has expired.</Message><RequestId>1</RequestId></Error>`}
	Expired401 = Expiry{Status: http.StatusUnauthorized}
	Expired404 = Expiry{Status: http.StatusNotFound}
	Expired410 = Expiry{Status: http.StatusGone}
)

// ExpireLinks lets all links of the manifests so far expire.
func (s *Server) ExpireLinks(how Expiry) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.links.expired, s.links.expiry = s.links.generation, how
}

// LinksExpire lets all links expire when the request arrives.
func LinksExpire(how Expiry) Effect {
	return func(s *Server, next http.Handler) http.Handler {
		return http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
			s.ExpireLinks(how)
			next.ServeHTTP(w, r)
		})
	}
}

// newLinks begins a new generation of links.
func (s *Server) newLinks() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	if !s.options.Links.Fixed || s.links.generation == 0 {
		s.links.generation++
	}
	return s.links.generation
}

// link returns the link to a file. The generation is in the path or in the query.
func (s *Server) link(e *export, f File, generation int) string {
	folder := "x." + f.section()
	if s.options.Links.Move {
		folder = fmt.Sprintf("%d.%s", generation, f.section())
	}
	path := fmt.Sprintf("/%d/%s/%s", e.number, folder, url.PathEscape(f.Name))
	switch s.options.Links.Host {
	case Presigned:
		return s.presigned(path, generation)
	case Signed:
		return fmt.Sprintf("%s/files%s?signature=%d", s.api.URL, path, generation)
	}
	return fmt.Sprintf("%s/files%s?generation=%d", s.api.URL, path, generation)
}

// rejectExpired answers if the link of a request has expired.
func (s *Server) rejectExpired(w http.ResponseWriter, r *http.Request) bool {
	generation, err := strconv.Atoi(firstNonZero(r.URL.Query().Get("X-Amz-Signature"), r.URL.Query().Get("signature"), r.URL.Query().Get("generation")))
	s.mu.Lock()
	links := s.links
	s.mu.Unlock()
	if err != nil || generation > links.generation {
		Outcome(w, http.StatusForbidden, "the link has no valid signature")
		return true
	}
	if generation > links.expired {
		return false
	}
	if links.expiry.Body == "" {
		Outcome(w, links.expiry.Status, "the link has expired")
		return true
	}
	w.Header().Set("Content-Type", links.expiry.Type)
	w.WriteHeader(links.expiry.Status)
	_, _ = w.Write([]byte(links.expiry.Body))
	return true
}
