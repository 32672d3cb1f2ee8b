package group

import (
	"errors"
	"fmt"
	"net/http"
	"time"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// Read answers GET /fhir/Group/<id> (FHIR R4, "read"). The response is streamed,
// since a Group can have a million members.
func (g *Groups) Read(call *endpoint.Call) error {
	id := call.Param("id")
	if err := endpoint.AcceptsJSON(call.Context); err != nil {
		return err
	}
	if err := call.Require(func(client auth.Client) error { return g.allow(client, id) }); err != nil {
		return err
	}
	unknown := problem.NotFound("there is no Group with this id")
	if !endpoint.Storable(id) {
		return unknown
	}
	release, ok := g.reads.TryAcquire(call.Client.ID)
	if !ok {
		return problem.Throttled(problem.GroupReads, fmt.Sprintf("too many concurrent reads of Groups: at most %d in total and %d per client", g.reads.Max, g.reads.MaxPerClient), time.Second)
	}
	defer release()
	found, err := g.stream(call, id)
	if err == nil && !found {
		return unknown
	}
	return err
}

// stream writes the Group as the response, and reports whether it exists.
func (g *Groups) stream(call *endpoint.Call, id string) (found bool, err error) {
	table, err := g.source.Table(call.Ctx(), "Group")
	if errors.Is(err, catalog.ErrNoTable) {
		return false, nil
	}
	if err != nil {
		return false, problem.Unavailable(err)
	}
	format, err := g.format(call.Ctx())
	if err != nil {
		return false, err
	}
	only := sqltext.Condition{Where: sqltext.New("r.id = {id}", sqltext.Values{"id": sqltext.Arg(id, "text")})}
	rows, err := g.source.Scan(call.Ctx(), source.Scan{Table: table, Condition: only})
	if err != nil {
		return false, problem.Unavailable(err)
	}
	defer rows.Close()
	body := endpoint.NewChunkedStream(call, http.Header{"Content-Type": {endpoint.FHIRType(call.Context)}})
	defer body.AbortWith(rows.Context())()
	result, err := ndjson.Write(call.Ctx(), body, "Group", rows, ndjson.Options{Format: format})
	call.Event.Resources = result.Rows
	return result.Rows > 0, body.Result(err)
}
