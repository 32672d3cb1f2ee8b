package login

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/quote"
	"github.com/seed-90096f4d/sluice/fetch/retry"
)

// answer is a response with its body.
type answer struct {
	status     int
	statusText string
	header     http.Header
	url        *url.URL // after redirects
	body       []byte
}

// transientError is a failure that may pass.
type transientError struct {
	err   error
	asked retry.Asked
}

func (e *transientError) Error() string { return e.err.Error() }
func (e *transientError) Unwrap() error { return e.err }

// send sends a request and reads the whole response. The error is a transientError if the
// request can be repeated.
func send(ctx context.Context, client *http.Client, r *http.Request, maxBytes int64) (answer, error) {
	limited, cancel := context.WithTimeout(ctx, attemptTimeout)
	defer cancel()
	response, err := client.Do(r.WithContext(limited))
	if err == nil {
		defer func() { _ = response.Body.Close() }()
		var got answer
		if got, err = read(response, maxBytes); err == nil {
			return got, transientStatus(got)
		}
	}
	switch {
	case ctx.Err() != nil:
		return answer{}, context.Cause(ctx)
	case limited.Err() != nil:
		return answer{}, &transientError{err: fmt.Errorf("no complete response within %s", attemptTimeout)}
	case retry.IsTransient(0, err):
		return answer{}, &transientError{err: bare(err)}
	}
	return answer{}, bare(err)
}

func read(response *http.Response, maxBytes int64) (answer, error) {
	body, err := io.ReadAll(io.LimitReader(response.Body, maxBytes+1))
	if err == nil && int64(len(body)) > maxBytes {
		err = retry.Permanent(fmt.Errorf("the response is larger than %d bytes", maxBytes))
	}
	return answer{response.StatusCode, response.Status, response.Header, response.Request.URL, body}, err
}

// transientStatus returns an error if the status may be another one later.
func transientStatus(got answer) error {
	if !retry.IsTransient(got.status, nil) {
		return nil
	}
	failed := &transientError{err: fmt.Errorf("HTTP status %s", quote.Line(got.statusText, maxText)), asked: retry.AskedBy(got.status, got.header)}
	if failed.asked.InFull {
		failed.err = fmt.Errorf("%w; it asks to wait for %s", failed.err, failed.asked.After)
	}
	return failed
}

// redirected returns the error for a redirect that is not followed.
func (a answer) redirected() error {
	target, err := a.url.Parse(a.header.Get("Location"))
	if err != nil {
		return fmt.Errorf("HTTP status %s", quote.Line(a.statusText, maxText))
	}
	return fmt.Errorf("redirects to %s, which is not followed because the request has credentials; set the token URL (--token-url)", quote.URL(target))
}

// bare returns the cause of an error of net/http, without the URL of the request.
func bare(err error) error {
	var failed *url.Error
	if errors.As(err, &failed) {
		return failed.Err
	}
	return err
}

// repeater repeats requests.
type repeater struct {
	warn func(string)
	// worked reports that a request has succeeded: the name of the host is right.
	worked bool
	// reported is the cause that was reported last, until a request succeeds.
	reported string
}

// policy are the waits between repetitions.
var policy = retry.Policy{Backoff: retry.Backoff{Min: time.Second, Max: 30 * time.Second, Jitter: 0.2}, Longest: 5 * time.Minute}

// run calls do until it returns nil, an error that will not pass, or any error after
// patience is over.
func (r *repeater) run(ctx context.Context, patience time.Duration, do func(context.Context) error) error {
	policy := policy
	policy.Patience = patience
	err := policy.Repeat(ctx, r.repeated, func() error {
		err := do(ctx)
		var failed *transientError
		switch {
		case retry.IsUnknownHost(err) && !r.worked:
			return retry.Permanent(err)
		case errors.As(err, &failed):
			return &retry.Temporary{Err: err, Asked: failed.asked}
		}
		return err
	})
	if err == nil {
		r.worked, r.reported = true, ""
	}
	return err
}

// repeated reports that a request is repeated: once, and again when the cause changes.
func (r *repeater) repeated(err error, wait time.Duration) {
	cause := err.Error()
	if r.warn == nil || cause == r.reported {
		return
	}
	r.reported = cause
	r.warn(fmt.Sprintf("%s; trying again in %s", cause, wait.Round(time.Second)))
}
