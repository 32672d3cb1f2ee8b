package dump

import (
	"context"
	"errors"
	"fmt"
	"math"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// partsPerJob is how many parts a large enough dump has for each reader, so that all
// readers end at about the same time.
const partsPerJob = 4

// table is a table to dump and its parts.
type table struct {
	scan  source.Scan
	parts []*part
}

// part is what becomes one file.
type part struct {
	table  *table
	name   string // of the file
	ranges []catalog.PageRange
	size   int64 // on disk

	// What was written.
	resources, bytes, longest int64
	sha256                    []byte
}

// plan finds and locks the tables, and divides them into parts.
func (d *dump) plan(ctx context.Context, from *source.Source) error {
	locked, err := d.lockTables(ctx, from)
	if err != nil {
		return err
	}
	var total int64
	for _, resourceType := range d.Types {
		found, ok := locked[resourceType]
		if !ok {
			continue
		}
		t := &table{scan: source.Scan{Table: found, CreatedAfter: d.CreatedAfter, Condition: search.Any(d.Filters[resourceType]...)}}
		if t.scan.Table, err = d.snapshot.PlanIndexes(ctx, t.scan); err != nil {
			return err
		}
		total += t.scan.Table.Bytes
		d.tables = append(d.tables, t)
	}
	target := int64(math.MaxInt64)
	if d.toFiles && d.Jobs > 1 {
		target = max(d.PartBytes, total/int64(partsPerJob*d.Jobs))
	}
	parts := 0
	for _, t := range d.tables {
		t.divide(target, d.RangeBytes, d.suffix())
		if len(t.parts) == 0 && !d.toFiles {
			t.parts = []*part{{table: t}} // an empty table is an empty gzip member
		}
		parts += len(t.parts)
	}
	d.Progress.Total(total, parts)
	return nil
}

// lockTables returns the tables by type.
func (d *dump) lockTables(ctx context.Context, from *source.Source) (map[string]catalog.Table, error) {
	var optional []string
	if d.Format.FHIR && !slices.Contains(d.Types, ndjson.AttributeType) {
		optional = []string{ndjson.AttributeType}
		if err := d.warnAttributes(ctx, from); err != nil {
			return nil, err
		}
	}
	locked, err := d.snapshot.Tables(ctx, d.Types, optional...)
	if err != nil {
		return nil, explainUnreadable(ctx, from, err)
	}
	tables := make(map[string]catalog.Table, len(locked))
	for _, t := range locked {
		tables[t.Type] = t
	}
	missing := slices.DeleteFunc(slices.Clone(d.Types), func(resourceType string) bool {
		_, found := tables[resourceType]
		return found
	})
	if len(missing) > 0 && !d.Optional || len(missing) == len(d.Types) {
		return nil, fmt.Errorf("%w: %s", catalog.ErrNoTable, strings.Join(missing, ", "))
	}
	return tables, nil
}

// warnAttributes warns if first-class extensions cannot be converted to FHIR.
func (d *dump) warnAttributes(ctx context.Context, from *source.Source) error {
	faults, err := from.Faults(ctx, []string{ndjson.AttributeType})
	if err != nil {
		return err
	}
	if fault := faults[ndjson.AttributeType]; fault != nil && !errors.Is(fault, catalog.ErrNoTable) {
		d.Warn(fmt.Sprintf("first-class extensions are written as they are stored: %v", fault))
	}
	return nil
}

// suffix returns the end of the names of files.
func (d *dump) suffix() string {
	if d.Gzip {
		return ".ndjson.gz"
	}
	return ".ndjson"
}

// divide divides the table into parts of about the target size on disk, in the order of
// its pages.
func (t *table) divide(target, rangeBytes int64, suffix string) {
	var current *part
	for _, pages := range catalog.PageRanges(t.scan.Table, min(target, rangeBytes)) {
		if current == nil || current.size+pages.Bytes > target {
			name := fmt.Sprintf("%s.%04d%s", t.scan.Table.Type, len(t.parts)+1, suffix)
			current = &part{table: t, name: name}
			t.parts = append(t.parts, current)
		}
		current.ranges = append(current.ranges, pages)
		current.size += pages.Bytes
	}
}

// otherTypes returns the resource types that some rows name instead of the table's.
func (t *table) otherTypes(ctx context.Context, reader *source.Reader) (others []string, err error) {
	for _, m := range t.scan.Table.Members {
		pages := catalog.PageRange{Schema: m.Schema, Name: m.Name}
		found, err := reader.OtherTypes(ctx, source.Scan{Table: t.scan.Table, Pages: pages})
		if err != nil {
			return nil, err
		}
		others = append(others, found...)
	}
	slices.Sort(others)
	return slices.Compact(others), nil
}
