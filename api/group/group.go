// Package group serves Groups: reading one, and searching for them.
//
// It must not know exports.
package group

import (
	"context"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/limit"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
)

// Path is the path of the Groups; that of one of them ends with its id.
const Path = "/fhir/Group"

// Concurrent reads of Groups, in total and per client. Each Group is held in
// memory, and can have a million members.
const (
	maxReads          = 4
	maxReadsPerClient = 3
)

// Groups answers requests for Groups.
type Groups struct {
	source *source.Source
	style  fhir.Style
	types  endpoint.ResourceTypes
	reads  *limit.Semaphore
}

// New returns the endpoints for the Groups of a source. types are the resource
// types of FHIR.
func New(from *source.Source, style fhir.Style, types endpoint.ResourceTypes) *Groups {
	style.VersionIDAsString, style.AttachmentBaseURL = true, ""
	return &Groups{source: from, style: style, types: types, reads: limit.NewSemaphore(maxReads, maxReadsPerClient)}
}

// allow refuses a client that may not read the Group with the id or, if that is
// empty, search for Groups.
func (g *Groups) allow(client auth.Client, id string) error {
	if err := endpoint.AllowGroup(client, id); err != nil {
		return err
	}
	return g.types.Allow(client, "", "Group")
}

// format returns the format of Groups in responses.
func (g *Groups) format(ctx context.Context) (format ndjson.Format, err error) {
	format = ndjson.Format{FHIR: true, Style: g.style}
	if format.Attributes, err = ndjson.ReadAttributes(ctx, g.source); err != nil {
		return format, problem.Unavailable(err)
	}
	return format, nil
}
