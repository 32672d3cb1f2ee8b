package api

import (
	"io"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"
)

// hurry lets no client take forever to send a body. The deadline is lifted when
// the body is there whole: the answer may take its time. Of a body that nobody
// reads, the server takes no more than comes in time either.
func (a *API) hurry(c *gin.Context) {
	if c.Request.Body == nil || c.Request.Body == http.NoBody {
		return
	}
	controller := http.NewResponseController(c.Writer)
	// A writer without deadlines, as tests have, never blocks.
	_ = controller.SetReadDeadline(time.Now().Add(a.config.RequestTimeout))
	c.Request.Body = &timedBody{body: c.Request.Body, lift: func() { _ = controller.SetReadDeadline(time.Time{}) }}
}

// timedBody calls lift at the end of the body.
type timedBody struct {
	body io.ReadCloser
	lift func()
}

func (b *timedBody) Read(p []byte) (int, error) {
	n, err := b.body.Read(p)
	if err == io.EOF {
		b.lift()
	}
	return n, err
}

func (b *timedBody) Close() error { return b.body.Close() }
