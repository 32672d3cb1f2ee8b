package remote_test

import (
	"context"
	"errors"
	"net"
	"net/http"
	"net/http/httptest"
	"net/http/httptrace"
	"strings"
	"sync/atomic"
	"testing"
	"testing/synctest"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/access"
	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/retry"
)

var system = remote.Request{Level: remote.System}

// TestContentLocation: the status URL is absolute, and not less secure than the server.
func TestContentLocation(t *testing.T) {
	tests := []struct{ location, want, warning string }{
		{"https://other.example.org/status/1", "https://other.example.org/status/1", ""},
		{"/status/1?job=2", "https://fhir.example.org/status/1?job=2", ""},
		{"status/1", "https://fhir.example.org/r4/status/1", ""},
		{"http://fhir.example.org/status/1", "https://fhir.example.org/status/1", "https is used"},
		{"http://fhir.example.org:80/status/1", "https://fhir.example.org/status/1", "https is used"},
		{"http://other.example.org/status/1", "http://other.example.org/status/1", ""},
	}
	for _, test := range tests {
		server, script := server(t, replies(reply{status: 202, header: map[string]string{"Content-Location": test.location}}), remote.Limits{})
		got, err := server.KickOff(t.Context(), system)
		if err != nil || got != test.want {
			t.Errorf("status URL of %q = %q (%v), want %q", test.location, got, err, test.want)
		}
		if test.warning != "" {
			script.requireWarning(test.warning)
		} else if len(script.warnings) > 0 {
			t.Errorf("%q: warnings %q", test.location, script.warnings)
		}
	}
	for location, want := range map[string]string{"": "no Content-Location", "ftp://x/y": "neither http nor https", "http://a b/": "is not a URL"} {
		server, _ := server(t, replies(reply{status: 202, header: map[string]string{"Content-Location": location}}), remote.Limits{})
		if _, err := server.KickOff(t.Context(), system); err == nil || !strings.Contains(err.Error(), want) {
			t.Errorf("error of %q = %v, want one with %q", location, err, want)
		}
	}
}

func TestRefused(t *testing.T) {
	tests := []struct {
		name string
		reply
		want string
	}{
		{"OperationOutcome", reply{status: 400, body: outcome("invalid", "no such type")}, "status 400: error (invalid): no such type"},
		{"server error", reply{status: 500, body: outcome("exception", "boom")}, "status 500: error (exception): boom"},
		{"text", reply{status: 403, body: " not\n <b>allowed</b>\x1b[31m "}, "status 403: not <b>allowed</b>[31m"},
		{"nothing", reply{status: 404}, "status 404"},
		{"credentials", reply{status: 401, body: outcome("login", "who are you")}, "status 401: error (login): who are you"},
	}
	for _, test := range tests {
		t.Run(test.name, func(t *testing.T) {
			server, script := server(t, replies(test.reply), remote.Limits{KickOffWait: time.Hour})
			_, err := server.KickOff(t.Context(), system)
			var refused *remote.RefusedError
			if !errors.As(err, &refused) || refused.Status != test.status || !strings.HasSuffix(err.Error(), test.want) {
				t.Errorf("error %v, want %q", err, test.want)
			}
			if len(script.requests) != 1 {
				t.Errorf("%d requests, want 1", len(script.requests))
			}
		})
	}
}

// TestKickOffWaits: a kick-off that is rejected for the moment is repeated when the server
// allows it.
func TestKickOffWaits(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		rejected := func(status int, after string) reply {
			return reply{status: status, header: map[string]string{"Retry-After": after}}
		}
		server, script := server(t, replies(rejected(429, "600"), reply{status: 503}, reply{status: 502}, rejected(504, "0"), accepted), remote.Limits{PollMax: time.Minute, KickOffWait: time.Hour})
		if _, err := server.KickOff(t.Context(), system); err != nil {
			t.Fatal(err)
		}
		script.requireWaits(asked(10*time.Minute), around(4*time.Second), around(8*time.Second), asked(time.Second))
		script.requireWarning("status 429")
	})
}

// TestKickOffGivesUp: a kick-off is not repeated after KickOffWait.
func TestKickOffGivesUp(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, script := server(t, replies(reply{status: 429, header: map[string]string{"Retry-After": "7200"}, body: outcome("throttled", "one export at a time")}), remote.Limits{KickOffWait: time.Hour})
		start := time.Now()
		_, err := server.KickOff(t.Context(), system)
		var refused *remote.RefusedError
		if !errors.As(err, &refused) || refused.Wait != 2*time.Hour {
			t.Fatalf("error %v, want a refusal with a wait of 2h", err)
		}
		if !strings.HasSuffix(err.Error(), "status 429 and asks to wait for 2h0m0s: error (throttled): one export at a time") {
			t.Errorf("error %v", err)
		}
		if len(script.requests) != 1 || time.Since(start) > 0 {
			t.Errorf("%d requests in %v, want 1 at once", len(script.requests), time.Since(start))
		}
	})
	synctest.Test(t, func(t *testing.T) {
		server, script := server(t, replies(reply{status: 503}), remote.Limits{PollMax: time.Minute, KickOffWait: 10 * time.Minute})
		start := time.Now()
		var refused *remote.RefusedError
		if _, err := server.KickOff(t.Context(), system); !errors.As(err, &refused) || refused.Status != 503 {
			t.Errorf("error %v, want status 503", err)
		}
		if d := time.Since(start); d < 8*time.Minute || d > 10*time.Minute+time.Second || len(script.requests) < 10 {
			t.Errorf("%d requests in %v, want repetitions for 10m", len(script.requests), d)
		}
	})
}

// TestOutageIsReportedOnce: a warning follows another only if the cause has changed, however
// long the waits are.
func TestOutageIsReportedOnce(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		busy := reply{status: 429, header: map[string]string{"Retry-After": "600"}}
		down := reply{status: 503, header: map[string]string{"Retry-After": "600"}}
		server, script := server(t, replies(busy, busy, busy, down, down, accepted), remote.Limits{PollMax: time.Minute, KickOffWait: 24 * time.Hour})
		if _, err := server.KickOff(t.Context(), system); err != nil {
			t.Fatal(err)
		}
		if len(script.warnings) != 2 || !strings.Contains(script.warnings[0], "429") || !strings.Contains(script.warnings[1], "503") {
			t.Errorf("warnings %q, want one of 429 and one of 503", script.warnings)
		}
	})
}

// TestUnreached: a kick-off that did not reach the server is repeated, unless the name of
// the server does not exist.
func TestUnreached(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		refused := &net.OpError{Op: "dial", Net: "tcp", Err: errors.New("connection refused")}
		server, script := server(t, replies(reply{err: refused}, reply{err: refused}, accepted), limits)
		if _, err := server.KickOff(t.Context(), system); err != nil {
			t.Fatal(err)
		}
		script.requireWaits(wait{2 * time.Second, 2400 * time.Millisecond}, around(4*time.Second))
		script.requireWarning("GET https://fhir.example.org/r4/$export: dial tcp: connection refused")
	})
	synctest.Test(t, func(t *testing.T) {
		unknown := &net.OpError{Op: "dial", Net: "tcp", Err: &net.DNSError{Err: "no such host", Name: "fhir.example.org", IsNotFound: true}}
		server, script := server(t, replies(reply{err: unknown}), limits)
		if _, err := server.KickOff(t.Context(), system); !errors.Is(err, unknown) || len(script.requests) != 1 {
			t.Errorf("%v after %d requests, want %v after one", err, len(script.requests), unknown)
		}
	})
}

// TestLostKickOff: a kick-off whose response was lost is not repeated, not even by net/http,
// which does so on connections that were used before.
func TestLostKickOff(t *testing.T) {
	var kickOffs atomic.Int32
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		if r.Method == http.MethodGet {
			kickOffs.Add(1)
			panic(http.ErrAbortHandler)
		}
		w.WriteHeader(http.StatusNoContent)
	}))
	defer server.Close()
	s := remote.New(client(t, ""), parse(t, server.URL), nil, limits, func(string) {})
	if err := s.Delete(t.Context(), server.URL+"/status/1"); err != nil {
		t.Fatal(err)
	}
	_, err := s.KickOff(t.Context(), system)
	if err == nil || !strings.Contains(err.Error(), "may have started an export") || kickOffs.Load() != 1 {
		t.Errorf("%v after %d kick-offs, want a hint after one", err, kickOffs.Load())
	}
}

func TestLogin(t *testing.T) {
	var tokens []string
	script := &script{t: t, answer: func(_ int, r *http.Request) reply {
		tokens = append(tokens, r.Header.Get("Authorization"))
		if r.Header.Get("Authorization") != "Bearer 2" {
			return reply{status: 401}
		}
		return accepted
	}}
	login := &accounts{tokens: []string{"1", "2"}}
	server := remote.New(&http.Client{Transport: script}, parse(t, base), login, remote.Limits{}, script.warn)
	if _, err := server.KickOff(t.Context(), system); err != nil || strings.Join(tokens, " ") != "Bearer 1 Bearer 2" {
		t.Errorf("tokens %q, error %v, want two tokens", tokens, err)
	}
	login.tokens = []string{"3", "4", "5"}
	var refused *remote.RefusedError
	if _, err := server.KickOff(t.Context(), system); !errors.As(err, &refused) || refused.Status != 401 || len(tokens) != 4 {
		t.Errorf("error %v after %d requests, want status 401 after one repetition", err, len(tokens)-2)
	}
	login.err = retry.Permanent(errors.New("no key"))
	if _, err := server.KickOff(t.Context(), system); !errors.Is(err, login.err) || len(tokens) != 4 {
		t.Errorf("error %v, want %v without a request", err, login.err)
	}
}

// TestQuotedCredentials: a token that the server quotes is not shown.
func TestQuotedCredentials(t *testing.T) {
	for _, body := range []string{outcome("login", "Bearer S3CRET is not S3CRET"), "no access with S3CRET"} {
		script := &script{t: t, answer: replies(reply{status: 403, body: body})}
		server := remote.New(&http.Client{Transport: script}, parse(t, base), &accounts{tokens: []string{"S3CRET"}}, limits, script.warn)
		for name, err := range map[string]error{
			"kick-off": second(server.KickOff(t.Context(), system)),
			"status":   server.Await(t.Context(), statusURL, remote.Waiting{}),
			"delete":   server.Delete(t.Context(), statusURL),
		} {
			if err == nil || strings.Contains(err.Error(), "S3CRET") || !strings.Contains(err.Error(), "***") {
				t.Errorf("%s: error %v, want one without the token", name, err)
			}
		}
	}
}

func second(_ string, err error) error { return err }

// TestLoginFails: a request is repeated if its login failed for the moment.
func TestLoginFails(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := &script{t: t, answer: replies(reply{status: 202})}
		login := &accounts{tokens: []string{"1"}, err: errors.New("the token endpoint does not answer"), until: time.Now().Add(time.Minute)}
		server := remote.New(&http.Client{Transport: script}, parse(t, base), login, limits, script.warn)
		if err := server.Delete(t.Context(), statusURL); err != nil || len(script.requests) != 1 {
			t.Errorf("error %v after %d requests, want success after one", err, len(script.requests))
		}
		script.requireWarning("authenticate: the token endpoint does not answer; the request is repeated")
	})
}

// TestUnencrypted: credentials for a server with TLS are not sent without.
func TestUnencrypted(t *testing.T) {
	script := &script{t: t, answer: replies(reply{status: 204})}
	server := remote.New(&http.Client{Transport: script}, parse(t, base), &accounts{tokens: []string{"1"}}, remote.Limits{}, script.warn)
	if err := server.Delete(t.Context(), "http://other.example.org/status?x=secret"); err != nil {
		t.Fatal(err)
	}
	if got := script.requests[0].header.Get("Authorization"); got != "" {
		t.Errorf("Authorization %q was sent by http", got)
	}
	script.requireWarning("no credentials were sent to http://other.example.org/status, since it has no TLS")
}

// password is a login with HTTP Basic.
type password struct{}

func (password) Authorize(_ context.Context, r *http.Request) error {
	r.SetBasicAuth("me", "secret")
	return nil
}

func (password) Rejected(*http.Request) bool { return false }

// TestPasswordElsewhere: a password is sent to no other server, an access token is.
func TestPasswordElsewhere(t *testing.T) {
	for _, login := range []access.Authorizer{password{}, &accounts{tokens: []string{"1"}}} {
		script := &script{t: t, answer: func(_ int, r *http.Request) reply {
			switch {
			case r.Method == http.MethodDelete:
				return reply{status: 202}
			case r.URL.Host == "fhir.example.org":
				return reply{status: 202, header: map[string]string{"Content-Location": "https://fhir.example.org:8443/status"}}
			case r.URL.Path == "/status":
				return reply{status: 200, body: `{"transactionTime":"2026-01-01T00:00:00Z","requiresAccessToken":true,"output":[],"error":[],"link":[{"relation":"next","url":"https://pages.example.org/2"}]}`}
			}
			return reply{status: 200, body: `{"transactionTime":"2026-01-01T00:00:00Z","requiresAccessToken":true,"output":[],"error":[]}`}
		}}
		server := remote.New(&http.Client{Transport: script}, parse(t, base), login, limits, script.warn)
		status, err := server.KickOff(t.Context(), system)
		if err != nil {
			t.Fatal(err)
		}
		if _, err := server.Manifest(t.Context(), status); err != nil {
			t.Fatal(err)
		}
		if err := server.Delete(t.Context(), status); err != nil {
			t.Fatal(err)
		}
		_, isPassword := login.(password)
		for i, r := range script.requests {
			if sent := r.header.Get("Authorization") != ""; sent != (i == 0 || !isPassword) {
				t.Errorf("%T: %s %s with credentials: %t", login, r.method, r.url, sent)
			}
		}
		if isPassword {
			script.requireWarning("the password was not sent to https://fhir.example.org:8443/status")
			script.requireWarning("the password was not sent to https://pages.example.org/2")
		}
	}
}

// waiting is a login whose token endpoint answers nothing.
type waiting struct{ asked chan struct{} }

func (w waiting) Authorize(ctx context.Context, r *http.Request) error {
	// Requests that are sent with this context report to its trace.
	if trace := httptrace.ContextClientTrace(ctx); trace != nil && trace.WroteHeaders != nil {
		trace.WroteHeaders()
	}
	close(w.asked)
	<-ctx.Done()
	return ctx.Err()
}

func (waiting) Rejected(*http.Request) bool { return false }

// TestInterruptedLogin: a kick-off that waits for its token is not sent, and ends at once.
func TestInterruptedLogin(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		script := &script{t: t, answer: replies(accepted)}
		login := waiting{make(chan struct{})}
		server := remote.New(&http.Client{Transport: script}, parse(t, base), login, limits, script.warn)
		cause := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		go func() {
			<-login.asked
			cancel(cause)
		}()
		if _, err := server.KickOff(ctx, system); !errors.Is(err, cause) || len(script.requests) != 0 {
			t.Errorf("error %v after %d kick-offs, want %v without one", err, len(script.requests), cause)
		}
	})
}

func TestCanceled(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		server, _ := server(t, replies(reply{status: 429}), remote.Limits{KickOffWait: time.Hour, PollMax: time.Minute})
		cause := errors.New("interrupted")
		ctx, cancel := context.WithCancelCause(t.Context())
		time.AfterFunc(time.Minute, func() { cancel(cause) })
		if _, err := server.KickOff(ctx, system); !errors.Is(err, cause) {
			t.Errorf("error %v, want %v", err, cause)
		}
		if err := server.Delete(ctx, base+"/status/1"); !errors.Is(err, cause) {
			t.Errorf("error %v, want %v", err, cause)
		}
	})
}
