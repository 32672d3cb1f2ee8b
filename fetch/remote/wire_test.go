package remote_test

import (
	"fmt"
	"regexp"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// TestWire: an export from its kick-off to its deletion, over a real connection, with a
// server that fails now and then.
func TestWire(t *testing.T) {
	for _, http2 := range []bool{false, true} {
		t.Run(fmt.Sprint("HTTP2=", http2), func(t *testing.T) {
			t.Parallel()
			server := fetchtest.New(t, fetchtest.Options{
				Files: fetchtest.Files("Patient", 6, 2), Polls: 3, Pages: 3, Partial: true,
				Location: fetchtest.PlainHTTP, TLS: true, HTTP2: http2,
				Manifest: fetchtest.ManifestOptions{SHA256: true, Sizes: fetchtest.SizesStored, NoError: true},
				Faults: []fetchtest.Fault{
					fetchtest.KickOff.Always(fetchtest.RejectGET()),
					fetchtest.KickOff.Nth(2, fetchtest.Reject(429, fetchtest.RetryAfter("1"))),
					fetchtest.Status.Nth(2, fetchtest.Reject(502, fetchtest.RetryAfter("1"))),
					fetchtest.Status.Nth(3, fetchtest.Reject(500, fetchtest.RetryAfter("1"))),
					fetchtest.Page.Nth(1, fetchtest.Reset()),
					fetchtest.Delete.Nth(1, fetchtest.Reject(503, fetchtest.RetryAfter("1"))),
				},
			})
			var warnings []string
			s := remote.New(client(t, server.CAFile), parse(t, server.BaseURL), nil, remote.Limits{PollMax: time.Minute, KickOffWait: time.Minute, RetryFor: time.Minute},
				func(text string) { warnings = append(warnings, text) })
			statusURL, err := s.KickOff(t.Context(), remote.Request{Level: remote.Patient, Types: []string{"Patient"}, Partial: true})
			if err != nil || !strings.HasPrefix(statusURL, server.BaseURL+"/") {
				t.Fatalf("status URL %q (%v)", statusURL, err)
			}
			var reported []string
			pages := 0
			err = s.Await(t.Context(), statusURL, remote.Waiting{
				Partial: true,
				Again:   func() { pages, reported = 0, nil },
				Page: func(m *remote.Manifest) error {
					pages++
					reported = append(reported, files(m)...)
					return nil
				},
			})
			if err != nil || pages != 3 || len(reported) != 6 {
				t.Errorf("%d pages with %q (%v), want 3 with 6 files", pages, reported, err)
			}
			var again []string
			manifests, err := s.Manifest(t.Context(), statusURL)
			for _, m := range manifests {
				again = append(again, files(m)...)
			}
			if err != nil || !slices.EqualFunc(again, reported, equalWithoutQuery) {
				t.Errorf("manifest %q (%v), want %q", again, err, reported)
			}
			if err := s.Delete(t.Context(), statusURL); err != nil || server.Exports() != 0 {
				t.Errorf("%d exports after DELETE (%v)", server.Exports(), err)
			}
			if len(warnings) < 4 {
				t.Errorf("warnings %q, want one for each failure", warnings)
			}
		})
	}
}

// equalWithoutQuery reports whether two files differ in the query of their links only.
func equalWithoutQuery(a, b string) bool {
	query := regexp.MustCompile(`\?\S*`)
	return query.ReplaceAllString(a, "") == query.ReplaceAllString(b, "")
}
