package remote_test

import (
	"bytes"
	"context"
	"io"
	"net/http"
	"net/url"
	"slices"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// script answers requests within the process, so that the time of a test can be that of
// testing/synctest.
type script struct {
	t *testing.T
	// answer returns the reply to the nth request, from 1.
	answer func(n int, r *http.Request) reply

	mu       sync.Mutex
	requests []sent
	warnings []string
}

// reply is a response, or the error of a request.
type reply struct {
	status int
	header map[string]string
	body   string
	stream io.Reader // in place of body
	err    error
}

// sent is a request that was received.
type sent struct {
	method, url, body string
	header            http.Header
	at                time.Duration // since the first request
	time              time.Time
}

func (s *script) RoundTrip(r *http.Request) (*http.Response, error) {
	if err := r.Context().Err(); err != nil {
		return nil, err
	}
	body := ""
	if r.Body != nil {
		content, err := io.ReadAll(r.Body)
		if err != nil {
			return nil, err
		}
		body = string(content)
	}
	s.mu.Lock()
	request := sent{method: r.Method, url: r.URL.String(), body: body, header: r.Header.Clone(), time: time.Now()}
	if len(s.requests) > 0 {
		request.at = request.time.Sub(s.requests[0].time)
	}
	s.requests = append(s.requests, request)
	n := len(s.requests)
	s.mu.Unlock()

	reply := s.answer(n, r)
	if reply.err != nil {
		return nil, reply.err
	}
	header := http.Header{}
	for name, value := range reply.header {
		header.Set(name, value)
	}
	if reply.stream == nil {
		reply.stream = strings.NewReader(reply.body)
	}
	return &http.Response{StatusCode: reply.status, Header: header, Body: io.NopCloser(reply.stream), Request: r}, nil
}

// replies answers with replies in their order, and goes on with the last one.
func replies(list ...reply) func(int, *http.Request) reply {
	return func(n int, _ *http.Request) reply { return list[min(n, len(list))-1] }
}

const base = "https://fhir.example.org/r4"

// server returns a server that answers by a script.
func server(t *testing.T, answer func(int, *http.Request) reply, limits remote.Limits) (*remote.Server, *script) {
	t.Helper()
	s := &script{t: t, answer: answer}
	return remote.New(&http.Client{Transport: s}, parse(t, base), nil, limits, s.warn), s
}

func (s *script) warn(text string) {
	s.mu.Lock()
	defer s.mu.Unlock()
	s.warnings = append(s.warnings, text)
}

// times returns when the requests were received, since the first one.
func (s *script) times() (times []time.Duration) {
	for _, r := range s.requests {
		times = append(times, r.at)
	}
	return times
}

// wait is a range of durations.
type wait struct{ from, to time.Duration }

// around is a wait that the client chose, with jitter, and asked one that the server asked
// for.
func around(d time.Duration) wait { return wait{d - d/5, d + d/5} }
func asked(d time.Duration) wait  { return wait{d, d + d/5} }

// requireWaits requires waits between requests.
func (s *script) requireWaits(waits ...wait) {
	s.t.Helper()
	times := s.times()
	if len(times) != len(waits)+1 {
		s.t.Fatalf("%d requests at %v, want %d", len(times), times, len(waits)+1)
	}
	for i, want := range waits {
		if got := times[i+1] - times[i]; got < want.from || got > want.to {
			s.t.Errorf("wait %d: %v, want %v to %v", i+1, got, want.from, want.to)
		}
	}
}

func (s *script) requireWarning(part string) {
	s.t.Helper()
	if !slices.ContainsFunc(s.warnings, func(text string) bool { return strings.Contains(text, part) }) {
		s.t.Errorf("warnings %q, want one with %q", s.warnings, part)
	}
}

func parse(t *testing.T, text string) *url.URL {
	t.Helper()
	u, err := url.Parse(text)
	if err != nil {
		t.Fatal(err)
	}
	return u
}

// outcome returns an OperationOutcome with one issue.
func outcome(code, diagnostics string) string {
	return `{"resourceType":"OperationOutcome","issue":[{"severity":"error","code":"` + code + `","diagnostics":"` + diagnostics + `"}]}`
}

// accounts is a login with tokens; each can be rejected.
type accounts struct {
	tokens []string
	err    error
	until  time.Time // when err ends; zero: never
}

func (a *accounts) Authorize(_ context.Context, r *http.Request) error {
	if a.err != nil && (a.until.IsZero() || time.Now().Before(a.until)) {
		return a.err
	}
	r.Header.Set("Authorization", "Bearer "+a.tokens[0])
	return nil
}

func (a *accounts) Rejected(*http.Request) bool {
	if len(a.tokens) == 1 {
		return false
	}
	a.tokens = a.tokens[1:]
	return true
}

// lines returns a text without the whitespace between its lines.
func lines(text string) string {
	var b bytes.Buffer
	for line := range strings.Lines(text) {
		b.WriteString(strings.TrimSpace(line))
	}
	return b.String()
}
