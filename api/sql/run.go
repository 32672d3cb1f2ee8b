package sql

import (
	"cmp"
	"context"
	"errors"
	"io"
	"net/http"
	"strconv"
	"time"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/table/pass"
)

// run is a checked request for the rows of a view.
type run struct {
	selection

	subject  *subject
	format   table.Format
	noHeader bool
	limit    int64 // of rows; -1 = unlimited
}

// Run returns the handler of GET and POST /fhir/$sql-run: the rows of a view, streamed
// while the database is read. older makes it the handler of $viewdefinition-run, of the
// view in the path if that has an id.
func (v *Views) Run(older bool) endpoint.Handler {
	return func(call *endpoint.Call) error {
		if !call.Request.ProtoAtLeast(1, 1) {
			return problem.UpgradeRequired()
		}
		if err := v.config.Streams.Take(call.Client); err != nil {
			return err
		}
		r, err := v.checkRun(call, older)
		if err != nil {
			v.config.Streams.Refund(call.Client)
			return err
		}
		release, err := v.config.Streams.Acquire(call.Client)
		if err != nil {
			return err
		}
		defer release()
		body := endpoint.NewChunkedStream(call, http.Header{"Content-Type": {r.format.ContentType()}})
		err = v.stream(call, r, body)
		v.metrics.runs.Observe(body, string(r.format), err)
		return err
	}
}

// checkRun checks a request and the client's permissions for it.
func (v *Views) checkRun(call *endpoint.Call, older bool) (r run, err error) {
	if r.format, err = negotiate(endpoint.Accepted(call.Context)); err != nil {
		return r, err
	}
	c, err := v.newChecker(call, older, refusedByRun)
	if err != nil {
		return r, err
	}
	if id := call.Param("id"); id != "" {
		c.params.Values.Add(byReference, "ViewDefinition/"+id)
	}
	r.subject = c.runSubject()
	if format, ok := c.parseFormat(runFormats, "not-supported"); ok {
		r.format = format
	}
	r.noHeader, r.limit = c.parseHeader(), c.parseLimit()
	c.parseSelection()
	c.params.RefuseUnread()
	if r.subject != nil {
		if err := c.resolve(r.subject); err != nil {
			return r, err
		}
	}
	if err := c.checkSelection(call.Ctx()); err != nil {
		return r, err
	}
	r.selection = c.selection
	if err := c.verdict(); err != nil {
		return r, err
	}
	return r, call.Require(func(client auth.Client) error { return c.allow(client, r.subject) })
}

// parseLimit parses _limit; -1 means unlimited.
func (c *checker) parseLimit() int64 {
	value, ok := c.params.One("_limit")
	if !ok {
		return -1
	}
	limit, err := strconv.ParseInt(value, 10, 64)
	if err != nil || limit < 0 {
		_ = c.params.Refuse(problem.Invalid("_limit", "_limit must be a number of rows, at least 0, got %s", problem.Quote(value)))
	}
	return limit
}

// stream writes the rows to the response.
func (v *Views) stream(call *endpoint.Call, r run, stream *endpoint.Stream) error {
	snapshot := time.Now() // before that of the scan, so that _since of it loses nothing
	attributes, err := ndjson.ReadAttributes(call.Ctx(), v.config.Source)
	if err != nil {
		return problem.Unavailable(err)
	}
	reading, err := v.read(call.Ctx(), r)
	if err != nil {
		return problem.Unavailable(err)
	}
	defer reading.close()
	defer stream.AbortWith(reading.ctx)()
	call.Event.Types = []string{r.subject.view.Resource}
	body := holdBack(stream)
	defer body.stop()
	result, err := pass.Run(call.Ctx(), r.subject.view.Resource, reading.rows, []pass.Output{{
		View: r.subject.view,
		Options: table.Options{Format: r.format, NoHeader: r.noHeader, Metadata: table.Metadata{
			View: r.subject.view.Canonical(), ResourceType: r.subject.view.Resource, Version: v.config.Version, Snapshot: snapshot,
		}},
		Next: func(context.Context) (io.Writer, error) { return body, nil },
	}}, pass.Options{Format: ndjson.Format{Attributes: attributes, Style: v.config.Style}, Limit: max(r.limit, 0)})
	body.stop()
	call.Event.Resources, call.Event.Issues = result.Resources, result.Issues
	v.metrics.count(r.subject.view.Resource, result)
	if err == nil || isDisconnected(call.Ctx()) { // begun and broken off, as a dump
		err = cmp.Or(err, body.release())
	}
	var unfit *pass.ResourceError
	if errors.As(err, &unfit) {
		return &problem.Problem{Status: http.StatusInternalServerError, Code: "exception", Text: unfit.Describe(), Cause: err, DataFault: true}
	}
	return stream.Result(err)
}

// isDisconnected reports whether the context of a request ended because the client has
// closed the connection.
func isDisconnected(ctx context.Context) bool {
	return errors.Is(context.Cause(ctx), context.Canceled)
}

// reading is a scan by one reader or several.
type reading struct {
	rows  []*source.Rows
	ctx   context.Context
	close func()
}

// read starts to read the selected resources. With a limit, one reader is enough, which
// stops early; if patients are selected too, they may be few in a large table, and
// ParallelScan looks for an index.
func (v *Views) read(ctx context.Context, r run) (reading, error) {
	if r.limit == 0 {
		return reading{ctx: ctx, close: func() {}}, nil
	}
	scan, err := r.scan(ctx, v.config.Source, r.subject.table)
	if err != nil {
		return reading{}, err
	}
	if r.limit > 0 && !r.isRestricted() {
		rows, err := v.config.Source.Scan(ctx, scan)
		if err != nil {
			return reading{}, err
		}
		return reading{rows: []*source.Rows{rows}, ctx: rows.Context(), close: rows.Close}, nil
	}
	parallel, err := v.config.Source.ParallelScan(ctx, scan)
	if err != nil {
		return reading{}, err
	}
	return reading{rows: parallel.Rows(), ctx: parallel.Context(), close: parallel.Close}, nil
}
