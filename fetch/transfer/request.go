package transfer

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/access"
	"github.com/seed-90096f4d/sluice/fetch/quote"
)

// accept prefers ndjson, as the Bulk Data guide says, and accepts anything.
const accept = "application/fhir+ndjson, */*;q=0.1"

// errAgain means that the server cannot continue a file in this way.
var errAgain = errors.New("the server cannot continue the file")

// request sends one request and receives its response. It returns nil if the file is
// complete. The network errors it returns may contain secrets.
func (r *run) request(ctx context.Context) error {
	ctx, cancel := context.WithCancelCause(ctx)
	defer cancel(nil)
	watch := newWatch(r.d.Options.StallTimeout, cancel)
	defer watch.stop()

	request, err := r.newRequest(ctx)
	if err != nil {
		return err
	}
	watch.start()
	response, err := r.d.Client.Do(request)
	watch.stop()
	if err != nil {
		return networkError(ctx, err)
	}
	defer func() { _ = response.Body.Close() }() // what was read of it was checked
	body := &body{ctx: ctx, r: response.Body, watch: watch, limit: r.d.Options.Limit, run: r}
	return r.respond(request, response, body)
}

// newRequest returns the request for the bytes that are missing.
func (r *run) newRequest(ctx context.Context) (*http.Request, error) {
	r.withheld = ""
	link, authorize := r.d.Links.Link()
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, link.String(), http.NoBody)
	if err != nil {
		return nil, &RemoteError{Text: r.d.Name + ": invalid link"}
	}
	request.Header.Set("Accept", accept)
	request.Header.Set("Accept-Encoding", "gzip")
	if r.continues() {
		request.Header.Set("Range", "bytes="+strconv.FormatInt(r.offset, 10)+"-")
		request.Header.Set("If-Range", r.content.origin.validator())
		if r.content.origin.Encoding == "" {
			request.Header.Set("Accept-Encoding", "identity")
		}
	}
	if authorize && !r.withoutToken && r.d.Login != nil {
		if r.withheld, err = access.Authorize(ctx, r.d.Login, r.d.Base, request); err != nil {
			return nil, r.giveUp(err)
		}
	}
	return request, nil
}

// continues reports whether the next request asks for the rest of the file.
func (r *run) continues() bool {
	return r.offset > 0 && !r.fromStart && r.content.origin.validator() != ""
}

// respond receives a response.
func (r *run) respond(request *http.Request, response *http.Response, body *body) error {
	switch response.StatusCode {
	case http.StatusOK, http.StatusNonAuthoritativeInfo, http.StatusNoContent:
		return r.whole(response, body)
	case http.StatusPartialContent:
		if !r.isContinuation(response) {
			return errAgain
		}
		return r.part(body)
	case http.StatusRequestedRangeNotSatisfiable:
		size, ok := unsatisfiedSize(response.Header.Get("Content-Range"))
		if ok && r.continues() && size == r.offset {
			return nil
		}
		return errAgain
	}
	return newRefusal(request, response)
}

// isContinuation reports whether a response 206 continues the file.
func (r *run) isContinuation(response *http.Response) bool {
	if !r.continues() || encodingOf(response) != r.content.origin.Encoding || r.content.origin.differs(response) {
		return false
	}
	part, err := parseContentRange(response.Header.Get("Content-Range"))
	if err != nil || part.first != r.offset {
		return false
	}
	origin := &r.content.origin
	if origin.Size == 0 {
		origin.Size = part.size
	}
	return part.size == 0 || part.size == origin.Size
}

// whole receives a file from its first byte.
func (r *run) whole(response *http.Response, body *body) error {
	origin := originOf(response)
	if origin.Encoding != "" && origin.Encoding != "gzip" {
		encoding := quote.Line(origin.Encoding, maxQuote)
		return &RemoteError{Status: response.StatusCode, Text: fmt.Sprintf("%s uses Content-Encoding %q, which was not asked for", response.Request.URL.Host, encoding)}
	}
	first := make([]byte, 2)
	n, err := io.ReadFull(body, first)
	if err != nil && !errors.Is(err, io.EOF) && !(errors.Is(err, io.ErrUnexpectedEOF) && body.ended) {
		return networkError(body.ctx, err)
	}
	if r.offset > 0 {
		r.restarts++
	}
	if err := r.begin(origin, first[:n]); err != nil {
		return localError{err}
	}
	r.fromStart = false
	body.first = first[:n]
	return r.copy(body)
}

// part receives a range of the file. If the size of the file is unknown, it may not be the
// last one: the server says so with 416 to the next request.
func (r *run) part(body *body) error {
	err := r.copy(body)
	if err == nil && r.content.origin.Size == 0 {
		return io.ErrUnexpectedEOF
	}
	return err
}

// copy passes the body on until it ends.
func (r *run) copy(body *body) error {
	c := r.content
	for {
		b, err := c.pipe.block()
		if err != nil {
			return localError{err}
		}
		n, err := body.fill(b)
		c.pipe.put(b[:n])
		switch {
		case errors.Is(err, io.EOF):
			return r.ended()
		case err != nil:
			return networkError(body.ctx, err)
		case c.pipe.corruption() != nil && !r.repeated:
			return localError{errCorrupt}
		}
	}
}

// ended compares the bytes of a complete response with the size of the file. A server may
// send less than the rest.
func (r *run) ended() error {
	switch size := r.content.origin.Size; {
	case size == 0 || r.offset == size:
		return nil
	case r.offset > size:
		return errAgain
	}
	return io.ErrUnexpectedEOF
}

// localError is an error that does not come from the server.
type localError struct{ error }

// Unwrap returns the error.
func (e localError) Unwrap() error { return e.error }

// networkError returns the reason why a request has failed, without the link.
func networkError(ctx context.Context, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var request *url.Error
	if errors.As(err, &request) {
		return request.Err
	}
	return err
}

// watch cancels a request when nothing arrives.
type watch struct {
	timeout time.Duration
	timer   *time.Timer
}

// errStalled is the cause of a request that was cancelled.
var errStalled = errors.New("the connection has stalled")

// newWatch returns a watch that is not started. A timeout of 0 means none.
func newWatch(timeout time.Duration, cancel context.CancelCauseFunc) *watch {
	if timeout <= 0 {
		return &watch{}
	}
	t := time.AfterFunc(timeout, func() { cancel(errStalled) })
	t.Stop()
	return &watch{timeout: timeout, timer: t}
}

// start starts the time.
func (w *watch) start() {
	if w.timer != nil {
		w.timer.Reset(w.timeout)
	}
}

// stop stops the time.
func (w *watch) stop() {
	if w.timer != nil {
		w.timer.Stop()
	}
}
