package plan

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// incomplete returns a warning about something that the export lacks.
func incomplete(text string) jobs.Warning { return jobs.Warning{Code: "incomplete", Text: text} }

// findOmissions returns warnings about what the export lacks because optional tables
// cannot be read.
func findOmissions(ctx context.Context, from *source.Source, request jobs.Request) (warnings []jobs.Warning, err error) {
	optional := optionalTypes(request)
	faults, err := from.Faults(ctx, optional)
	if err != nil {
		return nil, err
	}
	var unknown []string
	for _, resourceType := range slices.Compact(slices.Sorted(slices.Values(optional))) {
		fault := faults[resourceType]
		if fault == nil || errors.Is(fault, catalog.ErrNoTable) {
			continue
		}
		if resourceType == ndjson.AttributeType {
			warnings = append(warnings, incomplete(fmt.Sprintf("first-class extensions are exported as they are stored: %s", fault)))
		}
		if slices.Contains(targetTypes(request), resourceType) {
			unknown = append(unknown, fmt.Sprintf("%s (%s)", resourceType, fault))
		}
	}
	if len(unknown) > 0 {
		warnings = append(warnings, incomplete("Provenance of resources of these types may be missing: "+strings.Join(unknown, ", ")))
	}
	return warnings, nil
}
