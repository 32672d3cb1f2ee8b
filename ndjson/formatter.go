package ndjson

import (
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/jsonb"
)

// Formatter formats the rows of one resource type as documents. It reuses its buffers
// and is not safe for concurrent use.
type Formatter struct {
	splicer   *splicer
	converter *fhir.Converter // nil: Aidbox's format

	resourceType string

	id    []byte // of the current resource
	issue func(Issue)
}

// NewFormatter returns a formatter. issue is called for everything that could not be
// converted to FHIR.
func NewFormatter(resourceType string, format Format, issue func(Issue)) *Formatter {
	f := &Formatter{
		splicer:      newSplicer(resourceType, format),
		resourceType: resourceType,
		issue:        issue,
	}
	f.converter = format.converter(resourceType, f.note)
	return f
}

// note reports an issue of the converter in the current resource.
func (f *Formatter) note(issue fhir.Issue) {
	f.issue(Issue{ResourceType: issue.ResourceType, ID: string(f.id), Path: issue.Path, Reason: issue.Reason})
}

// Omits reports whether the row has no document in FHIR format because it is not a
// resource. That is an issue.
func (f *Formatter) Omits(row *source.Row) bool {
	if f.converter == nil || mayBeObject(row) {
		return false
	}
	f.issue(Issue{ResourceType: f.resourceType, ID: string(row.ID), Path: f.resourceType, Reason: "not an object", Omitted: true})
	return true
}

// mayBeObject reports whether the resource is an object, or malformed.
func mayBeObject(row *source.Row) bool {
	if !row.Stored {
		return row.Resource[0] == '{'
	}
	root, ok := jsonb.Root(row.Resource)
	if !ok {
		return true
	}
	kind := jsonb.KindOf(row.Resource, root)
	return kind == jsonb.Object || kind == jsonb.Invalid
}

// Append appends the row's document, on one line and without a line feed, and returns the
// extended slice. The error is a *source.MalformedError; dst is then undefined beyond its
// length.
func (f *Formatter) Append(dst []byte, row *source.Row) ([]byte, error) {
	start := len(dst)
	dst, err := f.appendDocument(dst, row)
	if err != nil {
		return dst, err
	}
	if n := countOffloaded(dst[start:]); n > 0 {
		f.issue(Issue{ResourceType: f.resourceType, ID: string(row.ID), Offloaded: n})
	}
	return dst, nil
}

func (f *Formatter) appendDocument(dst []byte, row *source.Row) ([]byte, error) {
	if f.converter != nil {
		return f.appendFHIR(dst, row)
	}
	return f.splicer.append(dst, row)
}

func (f *Formatter) appendFHIR(dst []byte, row *source.Row) ([]byte, error) {
	f.id = row.ID
	columns := f.splicer.replacements(row)
	if !row.Stored {
		return f.converter.AppendFHIRType(dst, f.resourceType, row.Resource, columns...), nil
	}
	dst, err := f.converter.AppendFHIRStored(dst, f.resourceType, row.Resource, columns...)
	if err != nil {
		return dst, row.Malformed(err)
	}
	return dst, nil
}
