package ndjson

import (
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/jsonb"
)

// Format is the format of lines. The zero value is Aidbox's format: what PostgreSQL
// prints for the stored document merged with id, resourceType and meta, which come
// from the row's columns.
type Format struct {
	// FHIR selects FHIR R4 instead, without spaces.
	FHIR bool

	// Style adjusts either format.
	Style fhir.Style

	// Attributes become extensions in FHIR (ReadAttributes).
	Attributes []fhir.Attribute

	// Elements, if not nil, are the root elements to keep in FHIR, in addition to the
	// mandatory ones. The resources are then tagged as incomplete (SUBSETTED).
	Elements []string
}

// Issue is a problem of a resource: by default, an element that could not be converted
// and was written as it is stored. It does not contain the value.
type Issue struct {
	ResourceType string
	ID           string // of the resource
	Path         string // of the element, as in Observation.component.value
	Reason       string
	Omitted      bool // no line was written for the row

	// Offloaded, if not 0, is the number of values that are stored outside of the
	// database, with references to them in the line. Path and Reason are then empty.
	Offloaded int
}

// formatter formats the rows of one resource type. It is not safe for concurrent use.
type formatter struct {
	splicer   *splicer
	converter *fhir.Converter // nil: Aidbox's format

	resourceType string

	id     []byte // of the current resource
	report func(Issue)
}

func newFormatter(resourceType string, format Format, report func(Issue)) *formatter {
	f := &formatter{
		splicer:      newSplicer(resourceType, format.Style.VersionIDAsString),
		resourceType: resourceType,
		report:       report,
	}
	if format.FHIR {
		tables := fhir.R4().WithAttributes(format.Attributes)
		options := fhir.Options{Style: format.Style, Issue: f.note}
		if format.Elements != nil {
			options.Subset = tables.Subset(resourceType, format.Elements)
		}
		f.converter = fhir.NewConverter(tables, options)
	}
	return f
}

// note reports an issue of the converter in the current resource.
func (f *formatter) note(issue fhir.Issue) {
	f.report(Issue{ResourceType: issue.ResourceType, ID: string(f.id), Path: issue.Path, Reason: issue.Reason})
}

// omits reports whether the row gets no line in FHIR format because it is not a
// resource. It reports the issue.
func (f *formatter) omits(row *source.Row) bool {
	if f.converter == nil || mayBeObject(row) {
		return false
	}
	f.report(Issue{ResourceType: f.resourceType, ID: string(row.ID), Path: f.resourceType, Reason: "not an object", Omitted: true})
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

// appendLine appends the row's line, with its line feed. The error is that of a row whose
// stored form is malformed; dst is then undefined beyond its length.
func (f *formatter) appendLine(dst []byte, row *source.Row) ([]byte, error) {
	start := len(dst)
	dst, err := f.appendDocument(dst, row)
	if err != nil {
		return dst, err
	}
	if n := countOffloaded(dst[start:]); n > 0 {
		f.report(Issue{ResourceType: f.resourceType, ID: string(row.ID), Offloaded: n})
	}
	return append(dst, '\n'), nil
}

func (f *formatter) appendDocument(dst []byte, row *source.Row) ([]byte, error) {
	if f.converter != nil {
		return f.appendFHIR(dst, row)
	}
	return f.splicer.append(dst, row)
}

func (f *formatter) appendFHIR(dst []byte, row *source.Row) ([]byte, error) {
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
