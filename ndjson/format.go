package ndjson

import (
	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source"
)

// Format is the form of a line. The zero value is Aidbox's format: what
// PostgreSQL prints for the stored document merged with id, resourceType and
// meta, which come from the row's columns.
type Format struct {
	// FHIR writes FHIR R4 instead, without spaces.
	FHIR bool

	// Style adjusts either format.
	Style fhir.Style

	// Attributes become extensions in FHIR (ReadAttributes).
	Attributes Attributes

	// Elements, if not nil, are the root elements to keep in FHIR, besides the
	// mandatory ones; what is left is tagged as incomplete.
	Elements []string
}

// Issue is something in a resource that could not be converted and passed as
// it is stored. It says where, and nothing of what is there.
type Issue struct {
	ResourceType string
	ID           string // of the resource
	Path         string // of the element, as in Observation.component.value
	Reason       string
	Omitted      bool // the row has no line

	// Offloaded, if not 0, is how many values of the resource are stored outside of
	// the database and are pointers in the line. Path and Reason are then empty.
	Offloaded int
}

// formatter makes lines for the rows of one resource type. It keeps buffers
// and serves one goroutine.
type formatter struct {
	splicer   *splicer
	converter *fhir.Converter // nil: Aidbox's format

	resourceType string

	id     []byte // of the resource at hand
	report func(Issue)
}

func newFormatter(resourceType string, format Format, report func(Issue)) *formatter {
	f := &formatter{
		splicer:      newSplicer(resourceType, format.Style.VersionIDAsString),
		resourceType: resourceType,
		report:       report,
	}
	if format.FHIR {
		tables := format.Attributes.tables()
		options := fhir.Options{Style: format.Style, Issue: f.note}
		if format.Elements != nil {
			options.Subset = tables.Subset(resourceType, format.Elements)
		}
		f.converter = fhir.NewConverter(tables, options)
	}
	return f
}

// note takes the converter's word of an issue in the resource at hand.
func (f *formatter) note(issue fhir.Issue) {
	f.report(Issue{ResourceType: issue.ResourceType, ID: string(f.id), Path: issue.Path, Reason: issue.Reason})
}

// omits reports whether the row is not a resource and so has no line in FHIR
// format; the issue is then reported.
func (f *formatter) omits(row *source.Row) bool {
	if f.converter == nil || row.Resource[0] == '{' {
		return false
	}
	f.report(Issue{ResourceType: f.resourceType, ID: string(row.ID), Path: f.resourceType, Reason: "not an object", Omitted: true})
	return true
}

// appendLine appends the row's line, with its line feed.
func (f *formatter) appendLine(dst []byte, row *source.Row) []byte {
	start := len(dst)
	dst = f.appendDocument(dst, row)
	if n := countOffloaded(dst[start:]); n > 0 {
		f.report(Issue{ResourceType: f.resourceType, ID: string(row.ID), Offloaded: n})
	}
	return append(dst, '\n')
}

func (f *formatter) appendDocument(dst []byte, row *source.Row) []byte {
	if f.converter == nil {
		return f.splicer.append(dst, row)
	}
	f.id = row.ID
	return f.converter.AppendFHIRType(dst, f.resourceType, row.Resource, f.splicer.replacements(row)...)
}
