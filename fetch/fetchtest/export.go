package fetchtest

import (
	"encoding/json"
	"fmt"
	"net/http"
	"strconv"
	"strings"
	"time"
)

// Location is how a status URL is written in Content-Location.
type Location int

// The ways.
const (
	Absolute  Location = iota
	Relative           // without scheme and host
	PlainHTTP          // with http although the server speaks TLS, as behind a proxy
)

// export is an accepted kick-off.
type export struct {
	number  int
	files   []File
	url     string // of the kick-off
	partial bool
	polls   int
}

// Exports returns the number of exports that were started and not deleted.
func (s *Server) Exports() int {
	s.mu.Lock()
	defer s.mu.Unlock()
	return len(s.exports)
}

// ForgetExports deletes all exports: requests for them are answered with 404.
func (s *Server) ForgetExports() {
	s.mu.Lock()
	defer s.mu.Unlock()
	clear(s.exports)
}

// kickOff starts an export.
func (s *Server) kickOff(w http.ResponseWriter, r *http.Request) {
	if !strings.Contains(strings.Join(r.Header.Values("Prefer"), ","), "respond-async") {
		Outcome(w, http.StatusBadRequest, "the header Prefer: respond-async is missing")
		return
	}
	if s.options.MaxExports > 0 && s.Exports() >= s.options.MaxExports {
		w.Header().Set("Retry-After", "1")
		Outcome(w, http.StatusTooManyRequests, "delete the export that exists before starting another")
		return
	}
	record := r.Context().Value(recordKey{}).(Request)
	e := &export{number: s.count("export"), files: s.options.Files, url: s.api.URL + r.URL.RequestURI()}
	e.partial = s.options.Partial && asksForPartial(record)
	if s.options.Export != nil {
		e.files = s.options.Export(e.number, record)
	}
	s.mu.Lock()
	s.exports[e.number] = e
	s.mu.Unlock()
	status := fmt.Sprintf("%s/fhir/status/%d", s.api.URL, e.number)
	switch s.options.Location {
	case Relative:
		status = strings.TrimPrefix(status, s.api.URL)
	case PlainHTTP:
		status = strings.Replace(status, "https://", "http://", 1)
	}
	w.Header().Set("Content-Location", status)
	w.WriteHeader(http.StatusAccepted)
}

func asksForPartial(kickOff Request) bool {
	return kickOff.Query.Get("allowPartialManifests") == "true" || strings.Contains(kickOff.Body, "allowPartialManifests")
}

// lookUp returns the export of a request; it is nil if there is none.
func (s *Server) lookUp(r *http.Request) *export {
	number, err := strconv.Atoi(r.PathValue("export"))
	if err != nil {
		return nil
	}
	s.mu.Lock()
	defer s.mu.Unlock()
	return s.exports[number]
}

// status answers polls and requests for pages of the manifest.
func (s *Server) status(w http.ResponseWriter, r *http.Request) {
	e := s.lookUp(r)
	if e == nil {
		Outcome(w, http.StatusNotFound, "there is no such export")
		return
	}
	page, err := strconv.Atoi(r.PathValue("page"))
	if r.PathValue("page") == "" {
		page, err = 1, nil
	}
	pages := max(s.options.Pages, 1)
	if err != nil || page < 1 || page > pages {
		Outcome(w, http.StatusNotFound, "there is no such page")
		return
	}
	s.mu.Lock()
	e.polls++
	polls := e.polls
	complete := polls > s.options.Polls
	ready := pages
	if !complete {
		ready = min(polls, pages-1)
	}
	s.mu.Unlock()

	w.Header().Set("Content-Type", "application/json")
	if !complete {
		w.Header().Set("X-Progress", fmt.Sprintf("%d%%", 100*(polls-1)/max(s.options.Polls, 1)))
		if w.Header().Get("Retry-After") == "" {
			w.Header().Set("Retry-After", "1")
		}
		if !e.partial || page > ready {
			w.WriteHeader(http.StatusAccepted)
			return
		}
	}
	document, err := json.Marshal(s.manifest(e, page, pages, page < ready))
	if err != nil {
		s.t.Errorf("manifest: %v", err)
	}
	if !complete {
		w.WriteHeader(http.StatusAccepted)
	}
	_, _ = w.Write(document)
}

// delete deletes an export.
func (s *Server) delete(w http.ResponseWriter, r *http.Request) {
	e := s.lookUp(r)
	if e == nil {
		Outcome(w, http.StatusNotFound, "there is no such export")
		return
	}
	s.mu.Lock()
	delete(s.exports, e.number)
	s.mu.Unlock()
	w.WriteHeader(http.StatusAccepted)
}

// transactionTime returns the transactionTime of the nth export.
func (s *Server) transactionTime(n int) string {
	if s.options.TransactionTime != nil {
		return s.options.TransactionTime(n)
	}
	return time.Date(2026, 1, 1, 0, 0, 0, 0, time.UTC).Add(time.Duration(n) * time.Hour).Format("2006-01-02T15:04:05.000Z07:00")
}

// Outcome answers a request with an OperationOutcome that has one issue for each text.
func Outcome(w http.ResponseWriter, status int, texts ...string) {
	issues := []map[string]string{}
	for _, text := range texts {
		issues = append(issues, map[string]string{"severity": "error", "code": "processing", "diagnostics": text})
	}
	w.Header().Set("Content-Type", "application/fhir+json")
	w.WriteHeader(status)
	_ = json.NewEncoder(w).Encode(map[string]any{"resourceType": "OperationOutcome", "issue": issues})
}
