package api

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// How many Groups are read at the same time, and by one client. Each is held in
// memory, and can have a million members.
const (
	maxGroupReads       = 4
	maxClientGroupReads = 3
)

// group answers GET /fhir/Group/<id> (FHIR R4, "read"): the whole of it, streamed,
// since it can name a million members.
func (a *API) group(c *gin.Context, client auth.Client) error {
	id := c.Param("id")
	if err := acceptsJSON(c); err != nil {
		return err
	}
	mayRead := func(client auth.Client) error { return a.mayReadGroups(client, id) }
	if err := mayRead(client); err != nil {
		return err
	}
	permit(c, mayRead)
	unknown := notFound("there is no Group with this id")
	if !storable(id) {
		return unknown
	}
	release, ok := a.groupReads.TryAcquire(client.ID)
	if !ok {
		return throttled(fmt.Sprintf("too many concurrent reads of Groups: at most %d in total and %d per client", maxGroupReads, maxClientGroupReads), time.Second)
	}
	defer release()
	known, err := a.streamGroup(c, id)
	if err == nil && !known {
		return unknown
	}
	return err
}

// streamGroup writes the Group into the answer, if it is known.
func (a *API) streamGroup(c *gin.Context, id string) (known bool, err error) {
	ctx := c.Request.Context()
	table, err := a.config.Source.Table(ctx, "Group")
	if errors.Is(err, catalog.ErrNoTable) {
		return false, nil
	}
	if err != nil {
		return false, unavailable(err)
	}
	format, err := a.groupFormat(ctx)
	if err != nil {
		return false, err
	}
	rows, err := a.config.Source.Scan(ctx, source.Scan{Table: table, Only: sqltext.Condition{Where: sqltext.New("r.id = {id}", sqltext.Values{"id": sqltext.Arg(id, "text")})}})
	if err != nil {
		return false, unavailable(err)
	}
	defer rows.Close()
	body := &streamed{pieces: &pieces{api: a, context: c}, contentType: fhirType(c)}
	defer body.abortWith(rows.Context())()
	result, err := ndjson.Write(ctx, body, "Group", rows, ndjson.Options{Format: format})
	return result.Rows > 0, body.outcome(err)
}

// groupFormat is how Groups are shown.
func (a *API) groupFormat(ctx context.Context) (format ndjson.Format, err error) {
	format = ndjson.Format{FHIR: true, Style: a.config.Style}
	format.Style.VersionIDAsString, format.Style.AttachmentBaseURL = true, ""
	if format.Attributes, err = ndjson.ReadAttributes(ctx, a.config.Source); err != nil {
		return format, unavailable(err)
	}
	return format, nil
}
