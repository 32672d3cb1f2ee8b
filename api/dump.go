package api

import (
	"errors"
	"net/http"
	"time"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// dumpOptions are the parameters of a $dump.
type dumpOptions struct {
	since  time.Time
	format ndjson.Format
	gzip   bool
}

// The formats of dumps, for metrics.
const (
	aidboxFormat = "aidbox"
	fhirFormat   = "fhir"
)

func (o dumpOptions) formatName() string {
	if o.format.FHIR {
		return fhirFormat
	}
	return aidboxFormat
}

// header returns the header of the response.
func (o dumpOptions) header() http.Header {
	header := http.Header{"Content-Type": {"application/ndjson"}}
	if o.gzip {
		header.Set("Content-Encoding", "gzip")
	}
	return header
}

// dump answers GET /<Type>/$dump as Aidbox documents it: all resources of a type,
// one per line, streamed while the database is read. With Prefer: respond-async it
// is a kick-off.
func (a *API) dump(call *endpoint.Call) error {
	options, err := a.parseDump(call)
	if err != nil {
		return err
	}
	if endpoint.Prefers(call.Context, endpoint.RespondAsync) {
		return a.exportDump(call, options)
	}
	if !call.Request.ProtoAtLeast(1, 1) {
		return problem.UpgradeRequired()
	}
	if err := a.streams.Take(call.Client); err != nil {
		return err
	}
	table, err := a.dumpTable(call)
	if err != nil {
		a.streams.Refund(call.Client)
		return err
	}
	release, err := a.streams.Acquire(call.Client)
	if err != nil {
		return err
	}
	defer release()
	body := endpoint.NewChunkedStream(call, options.header())
	err = a.streamDump(call, table, options, body)
	a.metrics.dumps.Observe(body, options.formatName(), err)
	return err
}

// exportDump starts an export of what the $dump would stream.
func (a *API) exportDump(call *endpoint.Call, options dumpOptions) error {
	if err := a.exports.TakeKickOff(call.Client); err != nil {
		return err
	}
	table, err := a.dumpTable(call)
	if err != nil {
		a.exports.RefundKickOff(call.Client)
		return err
	}
	return a.bulk.Accept(call, jobs.Request{
		Types:        []string{table.Type},
		Existing:     true,
		CreatedAfter: options.since,
		FHIR:         options.format.FHIR,
		Style:        options.format.Style,
	}, []string{endpoint.RespondAsync})
}

func (a *API) parseDump(call *endpoint.Call) (options dumpOptions, err error) {
	params, err := endpoint.QueryParameters(call.Context)
	if err != nil {
		return options, err
	}
	options.format.Style = a.config.Style
	options.format.Style.AttachmentBaseURL = "" // $dump leaves URLs as stored
	options.since = params.Since()
	options.format.FHIR, options.gzip = params.Boolean("fhir"), params.Boolean("gzip")
	return options, params.Finish()
}

// dumpTable returns the table of the type in the path, if the client may read it.
// Without permission for it, a type of FHIR is forbidden whether or not it has a
// table. Any other name without a table is not found, as it is no type at all.
func (a *API) dumpTable(call *endpoint.Call) (table catalog.Table, err error) {
	if err := endpoint.AllowGroup(call.Client, ""); err != nil {
		return table, err
	}
	resourceType := call.Param("type")
	allow := func(client auth.Client) error {
		if err := endpoint.AllowGroup(client, ""); err != nil {
			return err
		}
		return a.config.ResourceTypes.Allow(client, "type", resourceType)
	}
	denied := call.Require(allow)
	if denied != nil && a.config.ResourceTypes.Has(resourceType) {
		return table, denied
	}
	table, err = a.config.Source.Table(call.Ctx(), resourceType)
	switch {
	case errors.Is(err, catalog.ErrNoTable):
		return table, problem.NotFound(problem.NoTableText(problem.Quote(resourceType), err))
	case err != nil:
		return table, problem.Unavailable(err)
	case denied != nil:
		return table, denied
	}
	if others := table.OtherTypes; len(others) > 0 {
		a.config.Logger.WarnContext(call.Ctx(), "rows name another resource type", "type", resourceType, "found", others)
	}
	return table, nil
}

func (a *API) streamDump(call *endpoint.Call, table catalog.Table, options dumpOptions, body *endpoint.Stream) (err error) {
	if options.format.FHIR {
		if options.format.Attributes, err = ndjson.ReadAttributes(call.Ctx(), a.config.Source); err != nil {
			return problem.Unavailable(err)
		}
	}
	scan, err := a.config.Source.ParallelScan(call.Ctx(), source.Scan{Table: table, CreatedAfter: options.since})
	if err != nil {
		return problem.Unavailable(err)
	}
	defer scan.Close()
	defer body.AbortWith(scan.Context())()
	result, err := ndjson.WriteParallel(call.Ctx(), body, table.Type, scan.Rows(), ndjson.Options{Format: options.format, Gzip: options.gzip})
	call.Event.Resources, call.Event.Issues = result.Rows, result.Issues
	a.metrics.countDump(table.Type, result)
	if err := body.Result(err); err != nil {
		return err
	}
	return body.Begin() // an empty table has written nothing
}
