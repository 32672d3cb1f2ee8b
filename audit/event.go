// Package audit records who received which data, or tried to, and what was changed
// of clients: as log lines, and as FHIR AuditEvents in a bucket.
//
// Whoever answers a request fills its Event. The package must not know requests,
// and an event holds nothing of a resource or of a query.
package audit

import (
	"log/slog"
	"net/http"
	"time"
)

// Action is what a request does.
type Action string

// The actions that are audited.
const (
	Cancel   Action = "cancel"
	Create   Action = "create"
	Delete   Action = "delete"
	Download Action = "download"
	Dump     Action = "dump"
	KickOff  Action = "kick-off"
	Manifest Action = "manifest"
	Poll     Action = "poll"
	Read     Action = "read"
	Run      Action = "run"
	Token    Action = "token"
	Update   Action = "update"
)

// Event describes one request.
type Event struct {
	At     time.Time
	Action Action

	// Omit leaves the event out if the request succeeds: it gave nothing away.
	Omit bool

	Client  string // empty if the request was not authenticated
	Remote  string // address of the client
	Request string // id of the request
	Path    string

	Export string   // id of the export, if the request is about one
	Types  []string // resource types of the export, or of the resource

	// Resource is the id of the resource that is read or changed, if the request is about
	// one.
	Resource string

	Status    int    // of the response
	Started   bool   // the response is about to be sent; there are no counts yet
	Broken    bool   // the response was cut off
	Reason    string // code of why it was
	Bytes     int64  // size of the response's body
	Resources int64  // how many the client received, or received links to
	Issues    int64  // how many values of a dump or run could not be converted; not recorded
}

// Outcome returns how the request ended, in one word.
func (e Event) Outcome() string {
	switch {
	case e.Started:
		return "started"
	case e.Broken:
		return "broken"
	case e.Status >= http.StatusInternalServerError:
		return "failed"
	case e.Status >= http.StatusBadRequest:
		return "refused"
	}
	return "done"
}

// counted reports whether Resources is known: of a dump, of the resources that a view
// has read, of Groups and ViewDefinitions, and of a manifest, whose links lead to the
// object store.
func (e Event) counted() bool {
	return !e.Started && (e.Action == Dump || e.Action == Manifest || e.Action == Read || e.Action == Run)
}

func (e Event) attr() slog.Attr {
	attrs := []any{
		slog.String("action", string(e.Action)),
		slog.String("outcome", e.Outcome()),
		slog.Int("status", e.Status),
		slog.String("remote", e.Remote),
		slog.String("request", e.Request),
		slog.String("path", e.Path),
	}
	if !e.Started {
		attrs = append(attrs, slog.Int64("bytes", e.Bytes))
	}
	if e.Reason != "" {
		attrs = append(attrs, slog.String("reason", e.Reason))
	}
	if e.Client != "" {
		attrs = append(attrs, slog.String("client", e.Client))
	}
	if e.Export != "" {
		attrs = append(attrs, slog.String("export", e.Export))
	}
	if e.Resource != "" {
		attrs = append(attrs, slog.String("resource", e.Resource))
	}
	if len(e.Types) > 0 {
		attrs = append(attrs, slog.Any("types", e.Types))
	}
	if e.counted() {
		attrs = append(attrs, slog.Int64("resources", e.Resources))
	}
	return slog.Group("audit", attrs...)
}
