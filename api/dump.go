package api

import (
	"cmp"
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// dumpRequest is what a $dump asks for.
type dumpRequest struct {
	table  catalog.Table
	since  time.Time
	format ndjson.Format
	gzip   bool
}

// dump answers GET /<Type>/$dump as Aidbox documents it: the whole type, a
// resource a line, streamed while the database reads. With Prefer:
// respond-async it is a kick-off.
func (a *API) dump(c *gin.Context, client auth.Client) error {
	if err := allowGroup(client, ""); err != nil {
		return err
	}
	permit(c, func(client auth.Client) error {
		return cmp.Or(allowGroup(client, ""), a.allow(client, "type", c.Param("type")))
	})
	request, err := a.readDump(c, client)
	if err != nil {
		return err
	}
	if prefers(c, respondAsync) {
		return a.acceptDump(c, client, request)
	}
	if !c.Request.ProtoAtLeast(1, 1) {
		return oldProtocol(c)
	}
	if wait := a.dumpRate.TakePerMinute(client.ID, client.Rates.Dumps.Or(a.config.ClientDumps)); wait > 0 {
		return throttled("the client starts dumps too often", wait)
	}
	release, ok := a.dumps.TryAcquire(client.ID)
	if !ok {
		return throttled(fmt.Sprintf("too many concurrent dumps: at most %d in total and %d per client", a.dumps.Max(), a.dumps.MaxPerClient()), 5*time.Second)
	}
	defer release()
	if request.format.FHIR {
		if request.format.Attributes, err = ndjson.ReadAttributes(c.Request.Context(), a.config.Source); err != nil {
			return unavailable(err)
		}
	}
	return a.stream(c, request)
}

// readDump checks the request: who asks, what for, and how.
func (a *API) readDump(c *gin.Context, client auth.Client) (request dumpRequest, err error) {
	resourceType := c.Param("type")
	allowed := a.allow(client, "type", resourceType)
	if allowed != nil && a.isStandard(resourceType) {
		return request, allowed
	}
	if request, err = a.readDumpParameters(c); err != nil {
		return request, err
	}
	request.table, err = a.config.Source.Table(c.Request.Context(), resourceType)
	switch {
	case errors.Is(err, catalog.ErrNoTable):
		return request, notFound(noTable(quote(resourceType), err))
	case err != nil:
		return request, unavailable(err)
	}
	if others := request.table.OtherTypes; allowed == nil && len(others) > 0 {
		a.config.Logger.WarnContext(c.Request.Context(), "rows name another resource type", "type", resourceType, "found", others)
	}
	return request, allowed
}

func (a *API) readDumpParameters(c *gin.Context) (request dumpRequest, err error) {
	params, err := readParameters(c)
	if err != nil {
		return request, err
	}
	request.format.Style = a.config.Style
	request.format.Style.AttachmentBaseURL = "" // $dump leaves URLs as stored
	request.since = params.since()
	request.format.FHIR, request.gzip = params.boolean("fhir"), params.boolean("gzip")
	return request, params.end()
}

// stream writes the dump into the answer.
func (a *API) stream(c *gin.Context, request dumpRequest) error {
	scan, err := a.config.Source.ParallelScan(c.Request.Context(), source.Scan{Table: request.table, CreatedAfter: request.since})
	if err != nil {
		return unavailable(err)
	}
	defer scan.Close()
	body := &streamed{pieces: &pieces{api: a, context: c}, contentType: "application/ndjson", gzip: request.gzip}
	defer body.abortWith(scan.Context())()
	result, err := ndjson.WriteParallel(c.Request.Context(), body, request.table.Type, scan.Rows(), ndjson.Options{Format: request.format, Gzip: request.gzip})
	c.Set(keyDumped, result)
	a.metrics.count(request.table.Type, result)
	if err := body.outcome(err); err != nil {
		return err
	}
	return body.begin() // an empty table has written nothing
}

// streamed is the body of an answer, in HTTP's chunks. The status is sent with
// the first byte, so that a failure before it can still be told as one.
type streamed struct {
	*pieces

	contentType string
	gzip        bool
}

func (b *streamed) Write(p []byte) (n int, err error) {
	if err := b.begin(); err != nil {
		return 0, err
	}
	return b.pieces.Write(p)
}

// FlushError sends what was written.
func (b *streamed) FlushError() error {
	return b.fail(http.NewResponseController(b.context.Writer).Flush())
}

func (b *streamed) begin() error {
	if first, err := b.pieces.begin(); !first {
		return err
	}
	b.context.Header("Content-Type", b.contentType)
	if b.gzip {
		b.context.Header("Content-Encoding", "gzip")
	}
	// Flushed, so that the length of a short body is not told either: a dump
	// is always chunked.
	b.context.Status(http.StatusOK)
	b.context.Writer.WriteHeaderNow()
	b.context.Writer.Flush()
	return nil
}
