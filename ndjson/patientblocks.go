package ndjson

import (
	"context"

	"github.com/seed-90096f4d/sluice/source"
)

// PatientBlockOptions say how patient blocks are written.
type PatientBlockOptions struct {
	Options

	// Type is the resource type whose resources have a block each.
	Type string

	// Elements, if set, returns Format.Elements for the resources of a type.
	Elements func(resourceType string) []string
}

// PatientBlockWriter writes an output that is organised by patient (Bulk Data 3.0.0,
// "Bulk Data Output File Organization"): for each patient a header, which is a
// Parameters resource that refers to the patient, then a line for each row. A block
// without lines has no header.
//
// A block that does not fit into one file is continued in the next, after its header
// again; one that fits into a file of its own is not split. Otherwise the writer
// is as WriteFiles. Headers do not count as rows.
type PatientBlockWriter struct {
	transfer   *transfer
	files      *splitter
	opts       PatientBlockOptions
	producer   *producer
	starts     *blockStarts
	offset     int64 // bytes of lines so far
	formatters map[string]*Formatter
}

// NewPatientBlockWriter returns a writer. It must be closed.
func NewPatientBlockWriter(ctx context.Context, next NextFunc, opts PatientBlockOptions) *PatientBlockWriter {
	starts := &blockStarts{}
	target := newPatientBlockSplitter(ctx, next, starts, opts.Options)
	t := startTransfer(ctx, target, opts.Options)
	return &PatientBlockWriter{
		transfer:   t,
		files:      target.files,
		opts:       opts,
		producer:   t.pipe.add(t.tally, compressNothing),
		starts:     starts,
		formatters: map[string]*Formatter{},
	}
}

// Context returns the context under which rows should be read. It ends when writing
// fails.
func (w *PatientBlockWriter) Context() context.Context { return w.transfer.ctx }

// Begin begins the block of the resource with this id. size is the size of its rows
// on disk, or 0 if it is unknown.
func (w *PatientBlockWriter) Begin(id []byte, size int64) error {
	w.starts.add(blockStart{w.offset, size})
	n, err := w.producer.header(w.transfer.ctx, len(id), func(dst []byte) ([]byte, error) {
		return appendHeader(dst, w.opts.Format.FHIR, w.opts.Type, id), nil
	})
	w.offset += int64(n)
	return err
}

// Row adds a row of a resource type to the block.
func (w *PatientBlockWriter) Row(resourceType string, row *source.Row) error {
	formatter := w.formatters[resourceType]
	if formatter == nil {
		formatter = w.newFormatter(resourceType)
	}
	n, err := w.producer.row(w.transfer.ctx, formatter, row)
	w.offset += int64(n)
	return err
}

// Finish waits until everything is written and returns what was done. err is the
// error of reading, if there was one.
func (w *PatientBlockWriter) Finish(err error) (Result, []File, error) {
	result, err := w.transfer.finish("patient blocks", err)
	return result, w.files.files, err
}

// Close stops writing if Finish was not called, and releases the writer.
func (w *PatientBlockWriter) Close() { w.transfer.abort() }

func (w *PatientBlockWriter) newFormatter(resourceType string) *Formatter {
	format := w.opts.Format
	if w.opts.Elements != nil {
		format.Elements = w.opts.Elements(resourceType)
	}
	made := NewFormatter(resourceType, format, w.transfer.tally.issue)
	w.formatters[resourceType] = made
	return made
}

// appendHeader appends the first line of a block: a Parameters resource with a
// parameter named header that refers to a resource.
func appendHeader(dst []byte, fhir bool, resourceType string, id []byte) []byte {
	if fhir {
		dst = append(dst, `{"resourceType":"Parameters","parameter":[{"name":"header","valueReference":{"reference":`...)
		dst = appendString(dst, []byte(resourceType+"/"+string(id)))
		return append(dst, "}}]}\n"...)
	}
	dst = append(dst, `{"parameter": [{"name": "header", "value": {"Reference": {"id": `...)
	dst = appendString(dst, id)
	dst = append(dst, `, "resourceType": `...)
	dst = appendString(dst, []byte(resourceType))
	return append(dst, "}}}], \"resourceType\": \"Parameters\"}\n"...)
}
