package api

import (
	"context"
	"errors"
	"slices"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

const provenanceType = "Provenance"

// associatedData are the values of includeAssociatedData.
var associatedData = map[string]jobs.Associated{
	"LatestProvenanceResources":   jobs.LatestAssociated,
	"RelevantProvenanceResources": jobs.RelevantAssociated,
}

// readAssociated reads includeAssociatedData into the request, whose types and
// filters are known, and adds the resource type that it asks for.
func (a *API) readAssociated(ctx context.Context, params *parameters, client auth.Client, request *jobs.Request) error {
	given, _ := params.list("includeAssociatedData")
	var wanted jobs.Associated
	for _, name := range given {
		value, ok := associatedData[name]
		switch {
		case !ok:
			refused := invalid("includeAssociatedData", "includeAssociatedData is LatestProvenanceResources or RelevantProvenanceResources, not %s", quote(name))
			refused.code = "not-supported"
			if err := params.forgive(refused); err != nil {
				return err
			}
		case wanted != jobs.RelevantAssociated: // of both, the one that gives more
			wanted = value
		}
	}
	if wanted == jobs.NoneAssociated {
		return nil
	}
	if err := a.checkAssociated(ctx, client, *request); err != nil {
		return params.forgive(err)
	}
	request.Associated = wanted
	if !slices.Contains(request.Types, provenanceType) {
		request.Types = append(request.Types, provenanceType)
	}
	return nil
}

// checkAssociated refuses what says two things about the same resources, what
// the client may not have, and what cannot be read.
func (a *API) checkAssociated(ctx context.Context, client auth.Client, request jobs.Request) error {
	if len(request.Filters[provenanceType]) > 0 {
		refused := invalid("includeAssociatedData", "includeAssociatedData is not supported together with a _typeFilter of Provenance")
		refused.code = "not-supported"
		return refused
	}
	if err := a.allow(client, "includeAssociatedData", provenanceType); err != nil || slices.Contains(request.Types, provenanceType) {
		return err
	}
	types := []string{provenanceType}
	faults, _ := a.findFaults(ctx, types)
	if fault := faults[provenanceType]; fault == nil || errors.Is(fault, catalog.ErrNoTable) {
		return nil
	}
	refused := withoutTables(nil, types, faults, true)
	refused.parameter = "includeAssociatedData"
	return refused
}
