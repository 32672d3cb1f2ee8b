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
func (k *kickOff) parseAssociated() {
	values, _ := k.params.List(associatedParameter)
	var associated jobs.Associated
	for _, value := range values {
		found, ok := associatedData[value]
		switch {
		case !ok:
			_ = k.params.Forgive(unsupportedValue(associatedParameter, []string{"LatestProvenanceResources", "RelevantProvenanceResources"}, value))
		case associated != jobs.RelevantAssociated: // which includes the latest
			associated = found
		}
	}
	if associated == jobs.NoneAssociated {
		return
	}
	if err := k.checkAssociated(); err != nil {
		_ = k.params.Forgive(err)
		return
	}
	k.request.Associated = associated
	if !slices.Contains(k.request.Types, provenance) {
		k.request.Types = append(k.request.Types, provenance)
		k.addsProvenance = true
	}
}

// checkAssociated refuses a request that also filters Provenance, and a client
// whose scopes do not cover it.
func (k *kickOff) checkAssociated() error {
	if len(k.request.Filters[provenance]) > 0 {
		return problem.NotSupported(associatedParameter, "includeAssociatedData is not supported together with a _typeFilter of Provenance")
	}
	return k.exports.config.Types.Allow(k.client, associatedParameter, provenance)
}

// dropAssociated undoes parseAssociated.
func (k *kickOff) dropAssociated() {
	k.request.Associated = jobs.NoneAssociated
	k.request.Types = slices.DeleteFunc(k.request.Types, func(resourceType string) bool { return resourceType == provenance })
}
