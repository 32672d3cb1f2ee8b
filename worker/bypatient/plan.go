// Package bypatient is exports organized by patient: files that hold patient blocks,
// one for each patient with the resources in its compartment (Bulk Data 3.0.0, "Bulk
// Data Output File Organization").
//
// The plan finds the rows of all patients in one pass over the tables, in which
// PostgreSQL sorts their addresses, and writes them to an index in the object store.
// Each part reads a section of the index, and only its own rows.
package bypatient

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"

	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/worker/plan"
)

// fileName begins the names of files of patient blocks. No resource type has a
// hyphen.
const fileName = "Patient-organized"

// indexKey returns the key of the export's index. It is deleted when the export ends.
func indexKey(id uuid.UUID) string { return id.String() + "/blocks.index" }

// part is the persisted plan of a part.
type part struct {
	// Section is what the part reads of the index. Its rows are in Relations.
	Section   indexSection
	IndexETag string
	Relations []catalog.Relation

	// Outcomes say what is in no patient block. They are stored with the first part.
	Outcomes []fhir.OutcomeIssue `json:",omitempty"`
}

// Planner plans the parts.
type Planner struct {
	Bucket *storage.Bucket
	Source *source.Source
}

// Plan is a plan.Kind. It writes the index and returns a part for each of its sections.
func (p *Planner) Plan(ctx context.Context, scope *plan.Scope) ([]jobs.PlannedPart, []jobs.Warning, error) {
	keyed, err := compartments(ctx, scope)
	if err != nil {
		return nil, nil, err
	}
	omitted := newOmitted(scope, keyed)
	var index storage.Object
	var sections []indexSection
	err = scope.Snapshot.While(ctx, func(ctx context.Context) (err error) {
		index, sections, err = p.writeIndex(ctx, scope, keyed, omitted)
		return err
	})
	if err != nil {
		return nil, nil, err
	}
	parts, err := planParts(scope.Export.ID, index, sections, keyed, omitted.outcomes())
	return parts, nil, err
}

// writeIndex writes the index of the export.
func (p *Planner) writeIndex(ctx context.Context, scope *plan.Scope, keyed source.KeyScan, omitted *omitted) (index storage.Object, sections []indexSection, err error) {
	reader, err := p.Source.OpenReader(ctx, scope.Snapshot.ID)
	if err != nil {
		return index, nil, err
	}
	defer reader.Close(ctx)
	object, err := p.Bucket.Create(ctx, indexKey(scope.Export.ID))
	if err != nil {
		return index, nil, err
	}
	defer func() { err = errors.Join(err, object.Abort(ctx)) }() // unless it is published

	var total int64
	for _, table := range scope.Tables {
		total += table.Bytes
	}
	writer := newIndexWriter(object, scope.Sizes.Target(total))
	err = reader.ScanKeys(ctx, keyed, func(row *source.KeyedRow) error {
		if row.Key == nil {
			omitted.add(row)
			return nil
		}
		return writer.add(row.Key, source.RowAddress{Relation: row.Relation, TID: row.TID}, row.Bytes)
	})
	if err != nil {
		return index, nil, err
	}
	if sections, err = writer.finish(); err != nil {
		return index, nil, err
	}
	if _, err := object.Publish(ctx); err != nil {
		return index, nil, err
	}
	index, err = p.Bucket.Stat(ctx, indexKey(scope.Export.ID)) // with the ETag that reads will have
	return index, sections, err
}

// planParts returns a part for each section. The first has the outcomes.
func planParts(id uuid.UUID, index storage.Object, sections []indexSection, keyed source.KeyScan, outcomes []fhir.OutcomeIssue) ([]jobs.PlannedPart, error) {
	if len(sections) == 0 && len(outcomes) > 0 {
		sections = []indexSection{{}}
	}
	planned := part{IndexETag: index.ETag, Outcomes: outcomes}
	for _, k := range keyed.Relations {
		planned.Relations = append(planned.Relations, k.Relation)
	}
	parts := make([]jobs.PlannedPart, len(sections))
	for i, section := range sections {
		planned.Section = section
		document, err := json.Marshal(planned)
		if err != nil {
			return nil, fmt.Errorf("plan patient blocks: %w", err)
		}
		planned.Outcomes = nil
		parts[i] = jobs.PlannedPart{
			Kind:      jobs.PatientBlocks,
			Scan:      document,
			ObjectKey: plan.ObjectKey(id, fileName, i+1),
			Bytes:     section.Bytes,
		}
	}
	return parts, nil
}
