package ndjson

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// Attributes are the first-class extensions of a database: elements that Aidbox
// stores under names of their own and that are extensions in FHIR.
type Attributes struct {
	list []fhir.Attribute
}

// AttributeType is the resource type that describes first-class extensions.
const AttributeType = "Attribute"

// Tables is a *source.Source, or a *source.Reader for the state of its snapshot.
type Tables interface {
	Table(ctx context.Context, resourceType string) (catalog.Table, error)
	Scan(ctx context.Context, scan source.Scan) (*source.Rows, error)
}

// ReadAttributes reads Aidbox's table of attributes. If there is none, or it cannot be
// read, there are no first-class extensions. Rows that do not describe one are skipped.
func ReadAttributes(ctx context.Context, from Tables) (Attributes, error) {
	table, err := from.Table(ctx, AttributeType)
	var unreadable *catalog.UnreadableError
	if errors.Is(err, catalog.ErrNoTable) || errors.As(err, &unreadable) {
		return Attributes{}, nil
	}
	if err != nil {
		return Attributes{}, fmt.Errorf("ndjson: read attributes: %w", err)
	}

	rows, err := from.Scan(ctx, source.Scan{Table: table})
	if err != nil {
		return Attributes{}, fmt.Errorf("ndjson: read attributes: %w", err)
	}
	defer rows.Close()
	var attributes Attributes
	for rows.Next() {
		if attribute, err := fhir.ParseAttribute(rows.Row().Resource); err == nil {
			attributes.list = append(attributes.list, attribute)
		}
	}
	if err := rows.Err(); err != nil {
		return Attributes{}, fmt.Errorf("ndjson: read attributes: %w", err)
	}
	return attributes, nil
}

// tables returns the element tables of FHIR with the attributes added.
func (a Attributes) tables() *fhir.Tables {
	if len(a.list) == 0 {
		return fhir.R4()
	}
	return fhir.R4().WithAttributes(a.list)
}
