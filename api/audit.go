package api

import (
	"context"
	"errors"
	"log/slog"
	"net/http"
	"path"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
)

// The actions that are audited.
const (
	auditCancel   = "cancel"
	auditDownload = "download"
	auditDump     = "dump"
	auditKickOff  = "kick-off"
	auditManifest = "manifest"
	auditPoll     = "poll" // only when it is refused
	auditRead     = "read"
	auditToken    = "token"
)

// auditEvent says who has done what, when, from where, how much of it, and
// whether it was let. It holds nothing of a resource and of no query.
type auditEvent struct {
	at        time.Time
	action    string
	client    string // "" if nobody was let in
	remote    string
	request   string
	path      string
	export    string
	types     []string // of an export
	status    int
	started   bool   // the first byte is about to be sent; there are no counts yet
	broken    bool   // the answer was cut off
	reason    string // why it was
	bytes     int64
	resources int64
}

// audited lists the routes whose requests are audited, by what they have in
// them. The rest tells nothing of patients.
var audited = []struct{ part, action string }{
	{"/$dump", auditDump},
	{"/$export-files", auditDownload},
	{"/$export-status", auditPoll},
	{"/$export", auditKickOff},
	{"/auth/token", auditToken},
	{"/fhir/Group", auditRead},
}

// audit writes down what was done, or refused, when the answer has ended.
func (a *API) audit(c *gin.Context) {
	at := time.Now()
	defer func() {
		if event, ok := a.auditOf(c, at); ok {
			a.config.Audit.LogAttrs(c.Request.Context(), slog.LevelInfo, "audit", event.attr())
			a.trail.add(event)
		}
	}()
	c.Next()
}

// auditStart writes down that an answer with data is about to be sent, so that the
// audit has it even if the process does not live to see its end.
func (a *API) auditStart(c *gin.Context) {
	event, ok := a.auditOf(c, time.Now())
	if !ok {
		return
	}
	event.started = true
	a.config.Audit.LogAttrs(c.Request.Context(), slog.LevelInfo, "audit", event.attr())
	a.trail.add(event)
}

// auditOf tells what is to be audited of a request that has ended, if anything.
func (a *API) auditOf(c *gin.Context, at time.Time) (event auditEvent, ok bool) {
	action, ok := auditedAction(c)
	if !ok {
		return event, false
	}
	event = auditEvent{
		at: at, action: action, client: c.GetString(keyClient), remote: c.ClientIP(), request: c.GetString(keyRequestID),
		path: shorten(c.Request.URL.Path), status: c.Writer.Status(), bytes: int64(max(c.Writer.Size(), 0)),
		broken: len(c.Errors) > 0 && c.Writer.Status() < http.StatusBadRequest,
	}
	if event.broken {
		event.reason = breakReason(c)
	}
	switch action {
	case auditKickOff:
		if location := c.Writer.Header().Get("Content-Location"); location != "" {
			event.export = path.Base(location)
		}
	case auditCancel, auditDownload, auditManifest, auditPoll:
		event.export = shorten(c.Param("id"))
	}
	event.types = c.GetStringSlice(keyTypes)
	event.resources = c.GetInt64(keyResources)
	if dumped, _ := c.Get(keyDumped); dumped != nil {
		result, _ := dumped.(ndjson.Result)
		event.resources = result.Rows
	}
	return event, true
}

// auditedAction tells what a request has done. A poll that was only told to
// come back is nothing.
func auditedAction(c *gin.Context) (action string, ok bool) {
	for _, route := range audited {
		if !strings.Contains(c.FullPath(), route.part) {
			continue
		}
		_, listed := c.Get(keyResources)
		switch status := c.Writer.Status(); {
		case route.action == auditPoll && c.Request.Method == http.MethodDelete:
			return auditCancel, true
		case route.action == auditPoll && listed:
			return auditManifest, true // of a running export, too
		case route.action == auditPoll && status < http.StatusMultipleChoices:
			return "", false
		case route.action == auditDump && status == http.StatusAccepted:
			return auditKickOff, true
		}
		return route.action, true
	}
	return "", false
}

// breakReason returns the code of why an answer was cut off.
func breakReason(c *gin.Context) string {
	err := c.Errors.Last().Err
	var revoked *revokedError
	switch {
	case errors.As(context.Cause(c.Request.Context()), &revoked):
		return "client_revoked"
	case errors.Is(err, errStalled):
		return "client_stalled"
	case errors.Is(err, source.ErrInTheWay):
		return "gave_way"
	case c.Request.Context().Err() != nil:
		return "connection_closed"
	}
	return "failed"
}

// shorten bounds what comes from outside.
func shorten(text string) string {
	const enough = 256
	return text[:min(len(text), enough)]
}

// outcome is one word for how it ended.
func (e auditEvent) outcome() string {
	switch {
	case e.started:
		return "started"
	case e.broken:
		return "broken"
	case e.status >= http.StatusInternalServerError:
		return "failed"
	case e.status >= http.StatusBadRequest:
		return "refused"
	}
	return "done"
}

// counts tells whether the event knows how many resources were taken: by a dump,
// or with the links of a manifest, which the object store answers.
func (e auditEvent) counts() bool {
	return !e.started && (e.action == auditDump || e.action == auditManifest)
}

// attr is the event in a log line.
func (e auditEvent) attr() slog.Attr {
	attrs := []any{
		slog.String("action", e.action),
		slog.String("outcome", e.outcome()),
		slog.Int("status", e.status),
		slog.String("remote", e.remote),
		slog.String("request", e.request),
		slog.String("path", e.path),
	}
	if !e.started {
		attrs = append(attrs, slog.Int64("bytes", e.bytes))
	}
	if e.reason != "" {
		attrs = append(attrs, slog.String("reason", e.reason))
	}
	if e.client != "" {
		attrs = append(attrs, slog.String("client", e.client))
	}
	if e.export != "" {
		attrs = append(attrs, slog.String("export", e.export))
	}
	if len(e.types) > 0 {
		attrs = append(attrs, slog.Any("types", e.types))
	}
	if e.counts() {
		attrs = append(attrs, slog.Int64("resources", e.resources))
	}
	return slog.Group("audit", attrs...)
}
