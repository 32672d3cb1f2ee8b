package remote_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/retry"
)

const statusURL = base + "/status/1?job=secret"

var limits = remote.Limits{PollMax: 5 * time.Minute, KickOffWait: time.Hour, RetryFor: 30 * time.Minute}

// running is the reply to a poll of an export that runs.
func running(retryAfter string) reply {
	if retryAfter == "" {
		return reply{status: 202}
	}
	return reply{status: 202, header: map[string]string{"Retry-After": retryAfter}}
}

var complete = reply{status: 200, body: manifest("Patient", "")}

// manifest returns a page of a manifest with one file, and a link unless it is empty.
func manifest(name, next string) string {
	link := ""
	if next != "" {
		link = `,"link":[{"relation":"self","url":"x"},{"relation":"next","url":"` + next + `"}]`
	}
	return `{"transactionTime":"2026-01-01T00:00:00Z","requiresAccessToken":false,"output":[{"type":"Patient","url":"` + name + `"}]` + link + `}`
}

// await waits for an export within the time of testing/synctest, and returns the files
// that were reported.
func await(t *testing.T, answer func(int, *http.Request) reply, waiting remote.Waiting) (s *script, files []string, err error) {
	t.Helper()
	synctest.Test(t, func(t *testing.T) {
		var remoteServer *remote.Server
		remoteServer, s = server(t, answer, limits)
		waiting.Again = func() { files = append(files, "again") }
		waiting.Page = func(m *remote.Manifest) error {
			for _, f := range m.Files {
				files = append(files, f.URL.Path[strings.LastIndex(f.URL.Path, "/")+1:])
			}
			return nil
		}
		err = remoteServer.Await(t.Context(), statusURL, waiting)
	})
	s.t = t
	return s, files, err
}

// TestPolling: waits between polls are those that the server asks for, within limits.
func TestPolling(t *testing.T) {
	date := map[string]string{"Date": "Mon, 30 Nov 2026 12:00:00 GMT", "Retry-After": "Mon, 30 Nov 2026 12:01:00 GMT"}
	tests := []struct {
		name    string
		replies []reply
		waits   []wait
	}{
		{"seconds", []reply{running("10")}, []wait{asked(10 * time.Second)}},
		{"zero", []reply{running("0")}, []wait{asked(time.Second)}},
		{"hours", []reply{running("18000")}, []wait{{5 * time.Minute, 5 * time.Minute}}},
		{"near the limit", []reply{running("290")}, []wait{{290 * time.Second, 5 * time.Minute}}},
		{"date", []reply{{status: 202, header: date}}, []wait{asked(time.Minute)}},
		{"nothing", []reply{running(""), running(""), running(""), running(""), running(""), running(""), running("")}, []wait{
			{2 * time.Second, 2400 * time.Millisecond}, around(4 * time.Second), around(8 * time.Second), around(16 * time.Second), around(32 * time.Second),
			{48 * time.Second, time.Minute}, {48 * time.Second, time.Minute},
		}},
		{"429", []reply{{status: 429, header: map[string]string{"Retry-After": "3600"}}}, []wait{asked(time.Hour)}},
		{"503", []reply{{status: 503, header: map[string]string{"Retry-After": "3600"}, body: outcome("processing", "maintenance")}}, []wait{asked(time.Hour)}},
		{"502", []reply{{status: 502, header: map[string]string{"Retry-After": "3600"}}}, []wait{{5 * time.Minute, 5 * time.Minute}}},
		{"repeated failures", []reply{{status: 502}, {err: io.ErrUnexpectedEOF}, {status: 500, body: "<html>"}}, []wait{{2 * time.Second, 2400 * time.Millisecond}, around(4 * time.Second), around(8 * time.Second)}},
		{"transient issue", []reply{{status: 500, body: outcome("transient", "busy")}, {status: 400, body: outcome("timeout", "busy")}}, []wait{{2 * time.Second, 2400 * time.Millisecond}, around(4 * time.Second)}},
		{"separate status", []reply{{status: 200, header: map[string]string{"X-Export-Status": "202 Accepted", "Retry-After": "7"}}}, []wait{asked(7 * time.Second)}},
		{"500 twice", []reply{{status: 500, body: outcome("exception", "x")}, {status: 500, body: outcome("exception", "x")}}, []wait{{2 * time.Second, 2400 * time.Millisecond}, around(4 * time.Second)}},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			script, files, err := await(t, replies(append(test.replies, complete)...), remote.Waiting{})
			if err != nil || !reflect.DeepEqual(files, []string{"Patient"}) {
				t.Errorf("files %q, error %v, want Patient", files, err)
			}
			script.requireWaits(test.waits...)
			if got := script.requests[0].header; got.Get("Accept") != "application/json" || got.Get("Prefer") != "" {
				t.Errorf("headers of a poll %v", got)
			}
		})
	}
}

func TestFailures(t *testing.T) {
	separate := func(status, body string) reply {
		return reply{status: 200, header: map[string]string{"X-Export-Status": status}, body: body}
	}
	tests := []struct {
		name     string
		reply    reply
		want     error
		text     string
		requests int
	}{
		{"404", reply{status: 404, body: outcome("not-found", "no such export")}, remote.ErrGone, "(status 404): error (not-found): no such export", 3},
		{"410", reply{status: 410}, remote.ErrGone, "(status 410)", 1},
		{"400", reply{status: 400, body: outcome("processing", "bad data")}, remote.ErrFailed, "(status 400): error (processing): bad data", 1},
		{"501", reply{status: 501}, remote.ErrFailed, "(status 501)", 1},
		{"500 again and again", reply{status: 500, body: outcome("exception", "the export failed")}, remote.ErrFailed, "(status 500): error (exception): the export failed", 3},
		{"separate status", separate("500 Internal Server Error", outcome("transient", "disk full")), remote.ErrFailed, "(status 500): error (transient): disk full", 1},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			script, _, err := await(t, replies(test.reply), remote.Waiting{})
			if !errors.Is(err, test.want) || !strings.Contains(err.Error(), test.text) {
				t.Errorf("error %v, want %v with %q", err, test.want, test.text)
			}
			if len(script.requests) != test.requests {
				t.Errorf("%d requests, want %d", len(script.requests), test.requests)
			}
		})
	}
	for _, status := range []int{401, 403} {
		_, _, err := await(t, replies(reply{status: status}), remote.Waiting{})
		var refused *remote.RefusedError
		if !errors.As(err, &refused) || refused.Status != status {
			t.Errorf("error %v, want a refusal with status %d", err, status)
		}
	}
}

// TestRetryFor: temporary failures are repeated as long as there is progress now and then.
func TestRetryFor(t *testing.T) {
	script, _, err := await(t, replies(reply{status: 502, body: "bad gateway"}), remote.Waiting{})
	if err == nil || errors.Is(err, remote.ErrFailed) || !strings.Contains(err.Error(), "bad gateway") {
		t.Errorf("error %v, want the last one", err)
	}
	times := script.times()
	if last := times[len(times)-1]; last < limits.RetryFor || last > limits.RetryFor+time.Minute {
		t.Errorf("given up after %v, want %v", last, limits.RetryFor)
	}
	if len(script.warnings) != 1 {
		t.Errorf("warnings %q, want one", script.warnings)
	}

	script, _, _ = await(t, replies(reply{status: 503, header: map[string]string{"Retry-After": "3600"}}, complete), remote.Waiting{})
	script.requireWarning("(status 503); it asks to wait for 1h0m0s; the request is repeated")

	script, files, err := await(t, func(n int, _ *http.Request) reply {
		switch {
		case n > 200:
			return complete
		case n%10 == 0:
			return running("60")
		}
		return reply{err: errors.New("connection reset")}
	}, remote.Waiting{})
	if err != nil || len(files) != 1 || len(script.requests) != 201 {
		t.Errorf("error %v after %d requests, want success after 201", err, len(script.requests))
	}
}

// TestStalled: a response that stops is requested again.
func TestStalled(t *testing.T) {
	script, files, err := await(t, func(n int, r *http.Request) reply {
		if n == 1 {
			return reply{status: 200, stream: io.MultiReader(strings.NewReader(`{"output":[`), stalling{r.Context()})}
		}
		return complete
	}, remote.Waiting{})
	if err != nil || len(files) != 1 {
		t.Errorf("files %q (%v), want one", files, err)
	}
	script.requireWaits(wait{2*time.Minute + 2*time.Second, 2*time.Minute + 3*time.Second})
	script.requireWarning("the response stopped")
}

// stalling is a body that delivers nothing until the request is canceled.
type stalling struct{ ctx context.Context }

func (s stalling) Read([]byte) (int, error) {
	<-s.ctx.Done()
	return 0, s.ctx.Err()
}

// TestSeeOther: the status may be a redirect to the manifest, whose links are relative to
// that.
func TestSeeOther(t *testing.T) {
	script, files, err := await(t, replies(reply{status: 303, header: map[string]string{"Location": "/results/7/"}},
		reply{status: 200, body: manifest("a", "next")}, reply{status: 200, body: manifest("b", "")}), remote.Waiting{})
	if err != nil || !reflect.DeepEqual(files, []string{"a", "b"}) || script.requests[2].url != "https://fhir.example.org/results/7/next" {
		t.Errorf("files %q (%v), want those of two pages", files, err)
	}
}

func TestProgress(t *testing.T) {
	var reported []string
	progress := func(text string) reply { return reply{status: 202, header: map[string]string{"X-Progress": text}} }
	_, _, err := await(t, replies(progress("10%"), progress("10%"), progress(""), progress("20 \x1b[2J%"), progress("10%"), progress(strings.Repeat("x", 1000)), complete),
		remote.Waiting{Progress: func(text string) { reported = append(reported, text) }})
	want := []string{"10%", "20 [2J%", "10%", strings.Repeat("x", 199) + "…"}
	if err != nil || !reflect.DeepEqual(reported, want) {
		t.Errorf("progress %q (%v), want %q", reported, err, want)
	}
}

// growing is an export that publishes a page with each poll.
func growing(pages int) func(int, *http.Request) reply {
	polls := 0
	return func(_ int, r *http.Request) reply {
		page := 1
		if text := r.URL.Query().Get("page"); text != "" {
			_, _ = fmt.Sscan(text, &page)
		} else {
			polls++
		}
		status, ready := 202, polls-1
		if ready >= pages {
			status, ready = 200, pages
		}
		switch {
		case page > ready:
			return reply{status: status}
		case page == ready:
			return reply{status: status, body: manifest(fmt.Sprint(page), "")}
		}
		return reply{status: status, body: manifest(fmt.Sprint(page), fmt.Sprintf("/r4/status/1?page=%d", page+1))}
	}
}

// TestPartial: pages are reported in order when they appear, and all once more when the
// export is complete.
func TestPartial(t *testing.T) {
	all := []string{"1", "2", "3", "4", "5"}
	script, files, err := await(t, growing(5), remote.Waiting{Partial: true})
	if want := slices.Concat(all[:4], []string{"again"}, all); err != nil || !reflect.DeepEqual(files, want) {
		t.Errorf("files %q (%v), want %q", files, err, want)
	}
	// Six polls; each new page is requested once to be read, and once by the next poll for
	// its link. In the end, all pages are read again.
	if len(script.requests) != 6+3+2+4 {
		t.Errorf("%d requests, want 15", len(script.requests))
	}
	_, files, err = await(t, growing(5), remote.Waiting{})
	if err != nil || !reflect.DeepEqual(files, all) {
		t.Errorf("without partial manifests: files %q (%v), want %q", files, err, all)
	}
}

// TestGrowingPage: a file that is added to a known page is reported.
func TestGrowingPage(t *testing.T) {
	two := `{"transactionTime":"2026-01-01T00:00:00Z","requiresAccessToken":false,"output":[{"type":"Patient","url":"1"},{"type":"Patient","url":"2"}]}`
	_, files, err := await(t, replies(reply{status: 202, body: manifest("1", "")}, reply{status: 202, body: two}, reply{status: 200, body: two}), remote.Waiting{Partial: true})
	if want := []string{"1", "again", "1", "2"}; err != nil || !reflect.DeepEqual(files, want) {
		t.Errorf("files %q (%v), want %q", files, err, want)
	}
}

// TestCircle: pages that lead back to an earlier one are an error.
func TestCircle(t *testing.T) {
	answer := func(_ int, r *http.Request) reply {
		next := map[string]string{"": "?page=2", "2": "?page=3", "3": "?page=2"}
		return reply{status: 200, body: manifest("x", next[r.URL.Query().Get("page")])}
	}
	script, _, err := await(t, answer, remote.Waiting{})
	if err == nil || !strings.Contains(err.Error(), "lead in a circle") || retry.IsTransient(0, err) || len(script.requests) != 3 {
		t.Errorf("error %v after %d requests, want a permanent one of the circle after 3", err, len(script.requests))
	}
	server, _ := server(t, answer, limits)
	if _, err := server.Manifest(t.Context(), statusURL); err == nil || !strings.Contains(err.Error(), "lead in a circle") {
		t.Errorf("error of Manifest %v, want one of the circle", err)
	}
}

// TestUnknownHost: a host that does not exist is not asked again, unless it was reached.
func TestUnknownHost(t *testing.T) {
	unknown := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "fhir.example.org", IsNotFound: true}}
	script, _, err := await(t, replies(reply{err: unknown}), remote.Waiting{})
	if !errors.Is(err, unknown) || len(script.requests) != 1 {
		t.Errorf("%v after %d requests, want %v after one", err, len(script.requests), unknown)
	}
	if _, _, err := await(t, replies(running("1"), reply{err: unknown}, complete), remote.Waiting{}); err != nil {
		t.Errorf("error %v after the host was reached, want none", err)
	}
}

// TestAcceptedBody: the body of a 202 is not a manifest unless it looks like one.
func TestAcceptedBody(t *testing.T) {
	for _, body := range []string{"", "running", outcome("informational", "running"), "[]", `{"output":"x"`} {
		for _, partial := range []bool{true, false} {
			_, files, err := await(t, replies(reply{status: 202, body: body}, complete), remote.Waiting{Partial: partial})
			if err != nil || len(files) != 1 {
				t.Errorf("partial %v, body %q: files %q (%v)", partial, body, files, err)
			}
		}
	}
	_, files, err := await(t, replies(reply{status: 202, body: manifest("early", "")}, complete), remote.Waiting{})
	if err != nil || !reflect.DeepEqual(files, []string{"Patient"}) {
		t.Errorf("files %q (%v), want those of the complete export", files, err)
	}
}

func TestAwaitErrors(t *testing.T) {
	for status, want := range map[string]string{"": "not an absolute URL", "/status": "not an absolute URL", "ftp://x": "not an absolute URL"} {
		server, _ := server(t, replies(complete), limits)
		if err := server.Await(t.Context(), status, remote.Waiting{}); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error of %q = %v, want one with %q", status, err, want)
		}
	}
	server, script := server(t, replies(complete), limits)
	stop := errors.New("disk full")
	if err := server.Await(t.Context(), statusURL, remote.Waiting{Page: func(*remote.Manifest) error { return stop }}); !errors.Is(err, stop) {
		t.Errorf("error %v, want %v", err, stop)
	}
	script.answer = replies(reply{status: 204})
	if err := server.Await(t.Context(), statusURL, remote.Waiting{}); err == nil || !strings.Contains(err.Error(), "with 204") {
		t.Errorf("error %v, want one of status 204", err)
	}
	script.answer = replies(reply{status: 202, body: manifest("1", "?page=2"), err: nil})
	ctx, cancel := context.WithCancel(t.Context())
	cancel()
	if err := server.Await(ctx, statusURL, remote.Waiting{}); !errors.Is(err, context.Canceled) {
		t.Errorf("error %v, want %v", err, context.Canceled)
	}
}

// TestNoSecrets: no error and no warning contains the query of a URL.
func TestNoSecrets(t *testing.T) {
	answers := []reply{
		{err: io.ErrUnexpectedEOF}, {status: 404}, {status: 400}, {status: 403}, {status: 502}, {status: 204},
		{status: 200, body: "<html>"}, {status: 200, body: `{"output":[{"url":"ftp://x/?secret"}]}`}, {status: 200, body: `{"output":[{"url":"http://%zz/?secret"}]}`},
		{status: 200, body: `{"output":[],"link":[{"relation":"next","url":"http://%zz/?secret"}]}`},
		{status: 302, header: map[string]string{"Location": "ftp://x/?secret"}},
	}
	for _, answer := range answers {
		script, _, err := await(t, replies(answer), remote.Waiting{})
		if err == nil || strings.Contains(err.Error()+strings.Join(script.warnings, ""), "secret") {
			t.Errorf("%+v: error %v, warnings %q", answer, err, script.warnings)
		}
	}
}

func TestDelete(t *testing.T) {
	tests := []struct {
		name     string
		replies  []reply
		requests int
		want     string
	}{
		{"202", []reply{{status: 202}}, 1, ""},
		{"200", []reply{{status: 200}}, 1, ""},
		{"204", []reply{{status: 204}}, 1, ""},
		{"404", []reply{{status: 404}}, 1, ""},
		{"410", []reply{{status: 410}}, 1, ""},
		{"503", []reply{{status: 503}, {err: io.ErrUnexpectedEOF}, {status: 202}}, 3, ""},
		{"405", []reply{{status: 405, body: outcome("not-supported", "no DELETE")}}, 1, ""},
		{"501", []reply{{status: 501}}, 1, ""},
		{"400", []reply{{status: 400, body: outcome("processing", "no")}}, 1, "does not delete the export (status 400): error (processing): no"},
		{"a long wait", []reply{{status: 429, header: map[string]string{"Retry-After": "3600"}}}, 1, "it asks to wait for 1h0m0s"},
		{"401", []reply{{status: 401}}, 1, "status 401"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				server, script := server(t, replies(test.replies...), limits)
				err := server.Delete(t.Context(), statusURL)
				if test.want == "" && err != nil || test.want != "" && (err == nil || !strings.Contains(err.Error(), test.want)) {
					t.Errorf("error %v, want %q", err, test.want)
				}
				if test.name == "405" {
					script.requireWarning("does not delete the export (status 405): error (not-supported): no DELETE")
				}
				if len(script.requests) != test.requests || script.requests[0].method != http.MethodDelete || script.requests[0].url != statusURL {
					t.Errorf("requests %+v, want %d", script.requests, test.requests)
				}
			})
		})
	}
	synctest.Test(t, func(t *testing.T) {
		server, _ := server(t, replies(reply{status: 503}), limits)
		start := time.Now()
		if err := server.Delete(t.Context(), statusURL); err == nil || time.Since(start) > 3*time.Minute {
			t.Errorf("error %v after %v, want one after 2m", err, time.Since(start))
		}
	})
}
