package worker

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
)

// incomplete is a warning of what an export lacks.
func incomplete(text string) jobs.Warning { return jobs.Warning{Code: "incomplete", Text: text} }

// findOmissions returns what the export lacks because tables cannot be read that it
// does not export.
func (w *exportWorker) findOmissions(ctx context.Context, request jobs.Request) (warnings []jobs.Warning, err error) {
	optional := optionalTypes(request)
	faults, err := w.config.Source.Faults(ctx, optional)
	if err != nil {
		return nil, err
	}
	var unknown []string
	for _, resourceType := range slices.Compact(slices.Sorted(slices.Values(optional))) {
		fault := faults[resourceType]
		if fault == nil || errors.Is(fault, source.ErrNoTable) {
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
		warnings = append(warnings, incomplete("Provenance about resources of these types may be missing: "+strings.Join(unknown, ", ")))
	}
	return warnings, nil
}

// reportOtherTypes reports rows that name another resource type than their table, as
// far as some pages of what a part reads show.
func (o *outcomes) reportOtherTypes(ctx context.Context, reader *source.Reader, scan source.Scan) error {
	types, err := reader.OtherTypes(ctx, scan)
	if err == nil && len(types) > 0 {
		o.warn(jobs.Warning{Code: "structure", Text: fmt.Sprintf(
			"some rows of table %s name other resource types (%s); all of its rows are exported as %s",
			scan.Table.Name, strings.Join(types, ", "), scan.Table.Type)})
	}
	return err
}
