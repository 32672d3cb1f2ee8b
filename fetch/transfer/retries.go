package transfer

import (
	"context"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/quote"
	"github.com/seed-90096f4d/sluice/fetch/retry"
)

const (
	// maxRenewals is how often a link is renewed before bytes must arrive.
	maxRenewals = 2
	// maxLogins is how often another token is tried before bytes must arrive.
	maxLogins = 2
	// maxRestarts is how often a file begins again without getting further than before.
	maxRestarts = 10
)

// longWait is the shortest wait that is reported.
const longWait = 10 * time.Second

// sleep waits. Tests shorten it.
var sleep = retry.Sleep

// policy returns how a download is repeated. A server that limits the number of requests
// is obeyed even if it asks for more than the remaining patience.
func (d *Download) policy() retry.Policy {
	return retry.Policy{
		Patience: d.Options.RetryFor,
		Backoff:  retry.Backoff{Min: time.Second, Max: 5 * time.Minute, Jitter: 0.2},
		Longest:  5 * time.Minute,
		Overstay: true,
	}
}

// retries is the state of repetitions.
type retries struct {
	attempts     *retry.Attempts
	furthest     int64  // the largest offset so far
	renewals     int    // of the link, without receiving a byte
	logins       int    // with a new token, without receiving a byte
	restarts     int    // without getting further
	fromStart    bool   // the next request asks for the whole file
	withoutToken bool   // the store rejects the access token
	withheld     string // why the last request had no credentials
}

// received counts bytes of the response.
func (r *run) received(n int) {
	if n == 0 {
		return
	}
	r.offset += int64(n)
	r.renewals, r.logins = 0, 0
	if r.offset > r.furthest {
		r.furthest, r.restarts = r.offset, 0
		r.attempts.Progress()
	}
	if r.d.Progress != nil {
		r.d.Progress.Add(n)
	}
}

// receive receives the file over as many requests as it takes.
func (r *run) receive(ctx context.Context) error {
	r.furthest = r.offset
	for !r.isComplete() {
		err := r.request(ctx)
		if err == nil {
			return nil
		}
		if ctx.Err() != nil {
			return context.Cause(ctx)
		}
		if err := r.recover(ctx, err); err != nil {
			return err
		}
	}
	return nil
}

// isComplete reports whether all bytes of the response are there.
func (r *run) isComplete() bool {
	return r.content != nil && r.content.origin.Size > 0 && r.offset == r.content.origin.Size
}

// recover prepares the repetition of a failed request, or returns the error to give up with.
func (r *run) recover(ctx context.Context, failure error) error {
	var local localError
	var remote *RemoteError
	var refused *refusal
	switch {
	case errors.As(failure, &local):
		return local.error
	case errors.As(failure, &remote):
		return failure
	case errors.Is(failure, errAgain):
		r.fromStart = true
		r.restarts++
		return r.wait(ctx, failure, retry.Asked{})
	case errors.As(failure, &refused):
		return r.recoverRefusal(ctx, refused)
	case !errors.Is(failure, errStalled) && !retry.IsTransient(0, failure):
		return r.giveUp(failure)
	}
	r.congested(0, failure)
	return r.wait(ctx, failure, retry.Asked{})
}

// recoverRefusal is recover for a response that is not the file.
func (r *run) recoverRefusal(ctx context.Context, refused *refusal) error {
	switch {
	case refused.status == http.StatusUnauthorized && refused.authorized && r.logins < maxLogins && r.d.Login.Rejected(refused.request):
		r.logins++
		return nil
	case refused.rejectsToken() && refused.authorized:
		r.withoutToken = true
		return nil
	case refused.isExpired() && r.renewals < maxRenewals:
		r.renewals++
		if err := r.d.Links.Renew(ctx); err != nil {
			return r.giveUp(fmt.Errorf("%w; the link was not renewed: %w", refused, err))
		}
		return nil
	case !retry.IsTransient(refused.status, nil):
		return r.giveUp(refused)
	}
	r.congested(refused.status, nil)
	return r.wait(ctx, refused, retry.AskedBy(refused.status, refused.header))
}

// wait waits before a repetition, unless there were enough.
func (r *run) wait(ctx context.Context, failure error, asked retry.Asked) error {
	wait, again := r.attempts.Failed(asked)
	if !again || r.restarts > maxRestarts {
		return r.giveUp(failure)
	}
	outage := r.attempts.Failures() == 2 // one failure is common
	if (outage || wait >= longWait) && r.d.Warn != nil {
		r.d.Warn(fmt.Sprintf("%s: %s; the download continues in %s", r.d.Name, quote.Queries(failure.Error()), wait.Round(time.Second)))
	}
	return sleep(ctx, wait)
}

// giveUp returns the error of a download that is not repeated.
func (r *run) giveUp(failure error) error {
	remote := &RemoteError{Text: r.d.Name + ": " + quote.Queries(failure.Error()), Err: failure}
	var refused *refusal
	if errors.As(failure, &refused) {
		remote.Status = refused.status
		if r.withheld != "" {
			remote.Text += "; " + r.withheld
		}
	}
	return remote
}

// congested reports failures that fewer downloads at the same time may avoid: rejections for
// this reason, and timeouts.
func (r *run) congested(status int, err error) {
	var timeout interface{ Timeout() bool }
	switch {
	case r.d.Congestion == nil:
		return
	case status == http.StatusTooManyRequests, status == http.StatusServiceUnavailable,
		status == http.StatusRequestTimeout, status == http.StatusGatewayTimeout,
		errors.Is(err, errStalled), errors.As(err, &timeout) && timeout.Timeout():
		r.d.Congestion.Congested()
	}
}
