package fetchtest

import (
	"fmt"
	"net/http"
	"strings"
)

// presigned returns the presigned link to a path.
func (s *Server) presigned(path string, generation int) string {
	return fmt.Sprintf("%s/bucket%s?X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Expires=900&X-Amz-Signature=%d", s.storage.URL, path, generation)
}

// fileTarget is what requests for files at the FHIR server are.
func (s *Server) fileTarget() Target {
	if s.options.Links.Host == Redirected {
		return Redirect
	}
	return Download
}

// file answers requests for files at the FHIR server.
func (s *Server) file(w http.ResponseWriter, r *http.Request) {
	switch s.options.Links.Host {
	case Redirected:
		s.authorized(s.redirect)(w, r)
	case OnServer:
		if s.options.Links.requireAccessToken(s.options.Auth) {
			s.authorized(s.content)(w, r)
			return
		}
		s.content(w, r)
	default:
		if r.Header.Get("Authorization") != "" {
			s.t.Errorf("Authorization sent with a link that requires no access token: %s", r.URL.Path)
		}
		s.content(w, r)
	}
}

// redirect redirects to a presigned link.
func (s *Server) redirect(w http.ResponseWriter, r *http.Request) {
	if s.rejectExpired(w, r) {
		return
	}
	http.Redirect(w, r, s.presigned(strings.TrimPrefix(r.URL.EscapedPath(), "/files"), s.newLinks()), http.StatusTemporaryRedirect)
}

// stored answers requests for files at the other host. The test fails if the client sends
// it its credentials, which is answered as AWS does.
func (s *Server) stored(w http.ResponseWriter, r *http.Request) {
	if r.Header.Get("Authorization") != "" {
		s.t.Errorf("Authorization sent to another host: %s", r.URL.Path)
		w.Header().Set("Content-Type", "application/xml")
		w.WriteHeader(http.StatusBadRequest)
		_, _ = w.Write([]byte(`<?xml version="1.0" encoding="UTF-8"?>` + "\n" +
			`<Error><Code>InvalidArgument</Code><Message>Only one auth mechanism allowed; only the X-Amz-Algorithm query parameter, Signature query string parameter or the Authorization header should be specified</Message></Error>`))
		return
	}
	s.content(w, r)
}
