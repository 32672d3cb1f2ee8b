package bulk

import (
	"slices"

	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/jobs"
)

const provenance = "Provenance"

const associatedParameter = "includeAssociatedData"

// associatedData are the values of includeAssociatedData.
var associatedData = map[string]jobs.Associated{
	"LatestProvenanceResources":   jobs.LatestAssociated,
	"RelevantProvenanceResources": jobs.RelevantAssociated,
}

// parseAssociated parses includeAssociatedData and adds the resource type that it
// exports.
func (b *requestBuilder) parseAssociated() {
	values, _ := b.params.List(associatedParameter)
	var associated jobs.Associated
	for _, value := range values {
		found, ok := associatedData[value]
		switch {
		case !ok:
			_ = b.params.Forgive(unsupportedValue(associatedParameter, []string{"LatestProvenanceResources", "RelevantProvenanceResources"}, value))
		case associated != jobs.RelevantAssociated: // which includes the latest
			associated = found
		}
	}
	if associated == jobs.NoneAssociated {
		return
	}
	if err := b.checkAssociated(); err != nil {
		_ = b.params.Forgive(err)
		return
	}
	b.request.Associated = associated
	if !slices.Contains(b.request.Types, provenance) {
		b.request.Types = append(b.request.Types, provenance)
		b.addsProvenance = true
	}
}

// checkAssociated refuses a request that also filters Provenance, and a client
// whose scopes do not cover it.
func (b *requestBuilder) checkAssociated() error {
	if len(b.request.Filters[provenance]) > 0 {
		return problem.NotSupported(associatedParameter, "includeAssociatedData is not supported together with a _typeFilter of Provenance")
	}
	return b.exports.config.Types.Allow(b.client, associatedParameter, provenance)
}

func (b *requestBuilder) dropAssociated() {
	b.request.Associated = jobs.NoneAssociated
	b.request.Types = slices.DeleteFunc(b.request.Types, func(resourceType string) bool { return resourceType == provenance })
}
