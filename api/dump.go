package api

import (
	"errors"
	"fmt"
	"log/slog"
	"net/http"
	"time"

	"github.com/seed-90096f4d/sluice/api/bulk"
	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/limit"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// retryDump is the delay after which a client may retry when too many dumps are
// running.
const retryDump = 5 * time.Second

// dumps answers requests for a $dump.
type dumps struct {
	exports   *bulk.Exports
	logger    *slog.Logger
	metrics   *metrics
	perMinute int                // per client; 0 means no limit
	rate      *limit.RateLimiter // by client
	running   *limit.Semaphore
	source    *source.Source
	style     fhir.Style
	types     endpoint.ResourceTypes
}

func newDumps(cfg Config, types endpoint.ResourceTypes, exports *bulk.Exports) *dumps {
	cfg.Style.AttachmentBaseURL = "" // $dump leaves URLs as stored
	return &dumps{
		exports:   exports,
		logger:    cfg.Logger,
		metrics:   newMetrics(cfg.Registry),
		perMinute: cfg.ClientDumps,
		rate:      limit.NewPerMinute(cfg.ClientDumps),
		running:   limit.NewSemaphore(cfg.Dumps, (3*cfg.Dumps+3)/4),
		source:    cfg.Source,
		style:     cfg.Style,
		types:     types,
	}
}

// dumpOptions are the parameters of a $dump.
type dumpOptions struct {
	since  time.Time
	format ndjson.Format
	gzip   bool
}

// serve answers GET /<Type>/$dump as Aidbox documents it: all resources of a type,
// one per line, streamed while the database is read. With Prefer: respond-async it
// is a kick-off.
func (d *dumps) serve(call *endpoint.Call) error {
	options, err := d.parse(call)
	if err != nil {
		return err
	}
	if endpoint.Prefers(call.Context, endpoint.RespondAsync) {
		return d.export(call, options)
	}
	if !call.Request.ProtoAtLeast(1, 1) {
		return problem.UpgradeRequired()
	}
	if wait := d.rate.TakePerMinute(call.Client.ID, call.Client.Rates.Dumps.OrDefault(d.perMinute)); wait > 0 {
		return problem.Throttled("too many dumps by this client", wait)
	}
	table, err := d.table(call)
	if err != nil {
		d.rate.Refund(call.Client.ID)
		return err
	}
	release, ok := d.running.TryAcquire(call.Client.ID)
	if !ok {
		return problem.Throttled(fmt.Sprintf("too many concurrent dumps: at most %d in total and %d per client", d.running.Max(), d.running.MaxPerClient()), retryDump)
	}
	defer release()
	if options.format.FHIR {
		if options.format.Attributes, err = ndjson.ReadAttributes(call.Ctx(), d.source); err != nil {
			return problem.Unavailable(err)
		}
	}
	return d.stream(call, table, options)
}

// export starts an export of what the $dump would stream.
func (d *dumps) export(call *endpoint.Call, options dumpOptions) error {
	if err := d.exports.TakeKickOff(call.Client); err != nil {
		return err
	}
	table, err := d.table(call)
	if err != nil {
		d.exports.RefundKickOff(call.Client)
		return err
	}
	return d.exports.Accept(call, jobs.Request{
		Types:        []string{table.Type},
		Existing:     true,
		CreatedAfter: options.since,
		FHIR:         options.format.FHIR,
		Style:        options.format.Style,
	}, []string{endpoint.RespondAsync})
}

// parse parses the parameters of a $dump.
func (d *dumps) parse(call *endpoint.Call) (options dumpOptions, err error) {
	params, err := endpoint.QueryParameters(call.Context)
	if err != nil {
		return options, err
	}
	options.format.Style = d.style
	options.since = params.Since()
	options.format.FHIR, options.gzip = params.Boolean("fhir"), params.Boolean("gzip")
	return options, params.Finish()
}

// table returns the table of the type in the path, if the client may read it.
// Without permission for it, a type of FHIR is forbidden whether or not it has a
// table. Any other name without a table is not found, as it is no type at all.
func (d *dumps) table(call *endpoint.Call) (table catalog.Table, err error) {
	if err := endpoint.AllowGroup(call.Client, ""); err != nil {
		return table, err
	}
	resourceType := call.Param("type")
	allow := func(client auth.Client) error {
		if err := endpoint.AllowGroup(client, ""); err != nil {
			return err
		}
		return d.types.Allow(client, "type", resourceType)
	}
	denied := call.Require(allow)
	if denied != nil && d.types.Has(resourceType) {
		return table, denied
	}
	table, err = d.source.Table(call.Ctx(), resourceType)
	switch {
	case errors.Is(err, catalog.ErrNoTable):
		return table, problem.NoTable(resourceType, err)
	case err != nil:
		return table, problem.Unavailable(err)
	case denied != nil:
		return table, denied
	}
	if others := table.OtherTypes; len(others) > 0 {
		d.logger.WarnContext(call.Ctx(), "rows name another resource type", "type", resourceType, "found", others)
	}
	return table, nil
}

// stream writes the dump as the response.
func (d *dumps) stream(call *endpoint.Call, table catalog.Table, options dumpOptions) error {
	header := http.Header{"Content-Type": {"application/ndjson"}}
	if options.gzip {
		header.Set("Content-Encoding", "gzip")
	}
	scan, err := d.source.ParallelScan(call.Ctx(), source.Scan{Table: table, CreatedAfter: options.since})
	if err != nil {
		return problem.Unavailable(err)
	}
	defer scan.Close()
	body := endpoint.NewChunkedStream(call, header)
	defer body.AbortWith(scan.Context())()
	result, err := ndjson.WriteParallel(call.Ctx(), body, table.Type, scan.Rows(), ndjson.Options{Format: options.format, Gzip: options.gzip})
	call.Event.Resources, call.Event.Issues = result.Rows, result.Issues
	d.metrics.count(table.Type, result)
	if err := body.Result(err); err != nil {
		return err
	}
	return body.Begin() // an empty table has written nothing
}
