package dump

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source"
)

// Attributes are the first-class extensions of a database: elements that Aidbox
// stores under names of their own, and that FHIR knows as extensions.
type Attributes struct {
	list []fhir.Attribute
}

// AttributeType is the resource type whose rows describe them.
const AttributeType = "Attribute"

// ScanFunc is Source.Scan, or the same under a snapshot.
type ScanFunc func(ctx context.Context, scan source.Scan, fn func(*source.Row) error) error

// ReadAttributes reads Aidbox's table of attributes by scan. A database without
// the table has no first-class extensions; a row that does not describe one is
// passed over.
func ReadAttributes(ctx context.Context, from *source.Source, scan ScanFunc) (Attributes, error) {
	table, err := from.Table(ctx, AttributeType)
	if errors.Is(err, source.ErrNoTable) {
		return Attributes{}, nil
	}
	if err != nil {
		return Attributes{}, fmt.Errorf("dump: read attributes: %w", err)
	}

	var attributes Attributes
	collect := func(row *source.Row) error {
		if attribute, err := fhir.ParseAttribute(row.Resource); err == nil {
			attributes.list = append(attributes.list, attribute)
		}
		return nil
	}
	err = scan(ctx, source.Scan{Table: table}, collect)
	if err != nil {
		return Attributes{}, fmt.Errorf("dump: read attributes: %w", err)
	}
	return attributes, nil
}

// tables are FHIR's with the attributes in them.
func (a Attributes) tables() *fhir.Tables {
	if len(a.list) == 0 {
		return fhir.R4()
	}
	return fhir.R4().WithAttributes(a.list)
}
