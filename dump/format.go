package dump

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

	// VersionIDString makes meta.versionId a string, as FHIR wants it and newer
	// releases of Aidbox write it; otherwise it is a number.
	VersionIDString bool

	// CreatedAtURL is the URL of the extension that holds meta.createdAt in
	// FHIR. Defaults to fhir.DefaultCreatedAtURL.
	CreatedAtURL string
}

// formatter makes lines for the rows of one resource type. It keeps buffers
// and serves one goroutine.
type formatter struct {
	splicer   *splicer
	converter *fhir.Converter // nil: Aidbox's format
	document  []byte          // what the converter reads
}

func newFormatter(resourceType string, format Format) *formatter {
	f := &formatter{splicer: newSplicer(resourceType, format.VersionIDString)}
	if format.FHIR {
		f.converter = fhir.NewConverter(fhir.R4(), fhir.Options{CreatedAtURL: format.CreatedAtURL})
	}
	return f
}

// appendLine appends the row's line, with its line feed.
func (f *formatter) appendLine(dst []byte, row *source.Row) []byte {
	if f.converter == nil {
		return append(f.splicer.append(dst, row), '\n')
	}
	f.document = f.splicer.append(f.document[:0], row)
	dst = append(f.converter.AppendFHIR(dst, f.document), '\n')
	if cap(f.document) > keepSize {
		f.document = nil
	}
	return dst
}
