package ndjson

import (
	"context"
	"errors"
	"fmt"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// AttributeType is the resource type that describes first-class extensions.
const AttributeType = "Attribute"

// Tables is a *source.Source, or a *source.Reader for the state of its snapshot.
type Tables interface {
	Table(ctx context.Context, resourceType string) (catalog.Table, error)
	Scan(ctx context.Context, scan source.Scan) (*source.Rows, error)
}

// ReadAttributes reads the first-class extensions of a database from Aidbox's table of
// attributes. If there is no such table, or it cannot be read, there are none. Rows that do
// not describe one are skipped.
func ReadAttributes(ctx context.Context, from Tables) ([]fhir.Attribute, error) {
	table, err := from.Table(ctx, AttributeType)
	var unreadable *catalog.UnreadableError
	if errors.Is(err, catalog.ErrNoTable) || errors.As(err, &unreadable) {
		return nil, nil
	}
	if err != nil {
		return nil, fmt.Errorf("ndjson: read attributes: %w", err)
	}

	rows, err := from.Scan(ctx, source.Scan{Table: table})
	if err != nil {
		return nil, fmt.Errorf("ndjson: read attributes: %w", err)
	}
	defer rows.Close()
	var attributes []fhir.Attribute
	var text []byte
	for rows.Next() {
		if text, err = rows.Row().AppendText(text[:0]); err != nil {
			return nil, fmt.Errorf("ndjson: read attributes: %w", err)
		}
		if attribute, err := fhir.ParseAttribute(text); err == nil {
			attributes = append(attributes, attribute)
		}
	}
	if err := rows.Err(); err != nil {
		return nil, fmt.Errorf("ndjson: read attributes: %w", err)
	}
	return attributes, nil
}
