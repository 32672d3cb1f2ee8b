package remote

import (
	"context"
	"errors"
	"io"
	"net/http"
	"strings"
	"time"

	"github.com/klauspost/compress/gzip"
)

// stallTimeout is how long a body may deliver nothing.
const stallTimeout = 2 * time.Minute

var errStalled = errors.New("the response stopped")

// body is the decompressed body of a response.
type body struct {
	io.Reader
	close func() error
}

// Close ends the request.
func (b *body) Close() error { return b.close() }

// newBody returns the body of a response. cancel ends the request.
func newBody(response *http.Response, cancel context.CancelCauseFunc) io.ReadCloser {
	timer := time.AfterFunc(stallTimeout, func() { cancel(errStalled) })
	watched := &watched{response: response.Body, timer: timer, ctx: response.Request.Context()}
	b := &body{Reader: watched, close: func() error {
		timer.Stop()
		defer cancel(nil)
		return watched.response.Close()
	}}
	if strings.EqualFold(response.Header.Get("Content-Encoding"), "gzip") {
		b.Reader = &unzipped{compressed: watched}
	}
	return b
}

// watched resets a timer whenever bytes arrive.
type watched struct {
	response io.ReadCloser
	timer    *time.Timer
	ctx      context.Context
}

func (w *watched) Read(p []byte) (int, error) {
	n, err := w.response.Read(p)
	if n > 0 {
		w.timer.Reset(stallTimeout)
	}
	if err != nil && !errors.Is(err, io.EOF) && w.ctx.Err() != nil {
		err = context.Cause(w.ctx)
	}
	return n, err
}

// unzipped decompresses a stream. It begins with the first Read, since a body may be empty.
type unzipped struct {
	compressed io.Reader
	reader     *gzip.Reader
}

func (u *unzipped) Read(p []byte) (int, error) {
	if u.reader == nil {
		reader, err := gzip.NewReader(u.compressed)
		if err != nil {
			return 0, err
		}
		u.reader = reader
	}
	return u.reader.Read(p)
}
