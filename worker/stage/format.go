package stage

import (
	"context"
	"strings"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
)

// Format returns the format that the kick-off asked for, with the first-class
// extensions as the snapshot has them.
func (t *Task) Format(ctx context.Context) (ndjson.Format, error) {
	request := t.Part.Request
	format := ndjson.Format{
		FHIR:     request.FHIR,
		Style:    request.Style,
		Elements: Elements(request, t.Part.ResourceType),
	}
	if !format.FHIR {
		return format, nil
	}
	var err error
	format.Attributes, err = ndjson.ReadAttributes(ctx, t.Reader)
	return format, err
}

// Elements returns the elements that the kick-off asks for of the resources of a
// type; nil means all.
func Elements(request jobs.Request, resourceType string) []string {
	if request.Elements == nil {
		return nil
	}
	names := []string{}
	for _, element := range request.Elements {
		prefix, name, qualified := strings.Cut(element, ".")
		switch {
		case !qualified:
			names = append(names, element)
		case prefix == resourceType:
			names = append(names, name)
		}
	}
	return names
}
