package bypatient

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/worker/stage"
)

// Stage is a stage.Kind. It writes the patient blocks of the part's section of the index.
func Stage(ctx context.Context, t *stage.Task) error {
	var planned part
	if err := jobs.Decode(t.Part.Scan, &planned); err != nil {
		return err
	}
	opts := ndjson.PatientBlockOptions{Options: t.Options, Type: patientType}
	var err error
	if opts.Format, err = t.Format(ctx); err != nil {
		return err
	}
	if t.Part.Request.Elements != nil {
		opts.Elements = func(resourceType string) []string { return stage.Elements(t.Part.Request, resourceType) }
	}
	fetcher, err := t.Reader.NewFetcher(ctx, planned.Relations)
	if err != nil {
		return err
	}
	for _, issue := range planned.Outcomes {
		t.Outcomes.Write(issue)
	}
	if planned.Section.Length == 0 {
		return nil
	}
	object := storage.Object{Key: indexKey(t.Part.ExportID()), ETag: planned.IndexETag}
	section := io.NewSectionReader(objectReader{ctx, t.Bucket, object}, planned.Section.Offset, planned.Section.Length)
	blocks := ndjson.NewPatientBlockWriter(ctx, t.NextFile, opts)
	defer blocks.Close()
	err = readBlocks(blocks.Context(), newIndexReader(section, len(planned.Relations)), fetcher, planned.Relations, blocks)
	_, files, err := blocks.Finish(err)
	return t.Finish(jobs.Output, "", files, err)
}

// readBlocks reads the rows of the index in batches and writes their blocks.
func readBlocks(ctx context.Context, index *indexReader, fetcher *source.Fetcher, relations []catalog.Relation, to *ndjson.PatientBlockWriter) error {
	batch := batch{index: index}
	for {
		more, err := batch.fill()
		if err != nil {
			return err
		}
		starts := batch.starts
		err = fetcher.Fetch(ctx, batch.places, func(n int, row *source.Row) error {
			if len(starts) > 0 && starts[0].at == n {
				if err := to.Begin(starts[0].id, starts[0].bytes); err != nil {
					return err
				}
				starts = starts[1:]
			}
			return to.Row(relations[batch.places[n].Relation].Type, row)
		})
		if err != nil || !more {
			return err
		}
	}
}

// The size of a batch: large enough that the query costs nothing, small enough that
// its list of addresses takes little memory.
const (
	batchRows  = 10_000
	batchBytes = 16 << 20
)

// batch is the rows that one query reads.
type batch struct {
	index  *indexReader
	next   *indexRow // of the next batch, if it was read
	places []source.RowAddress
	starts []blockStart
}

// blockStart is the first row of a patient block in a batch.
type blockStart struct {
	at    int
	id    []byte
	bytes int64 // of its rows; 0 if the block continues in the next batch
}

// fill replaces the batch with the next rows of the index, and reports whether more
// follow.
func (b *batch) fill() (more bool, err error) {
	b.places, b.starts = b.places[:0], b.starts[:0]
	for size := int64(0); ; {
		row := b.next
		if row == nil {
			read, err := b.index.next()
			if errors.Is(err, io.EOF) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			row = &read
		}
		b.next = nil
		if len(b.places) == batchRows || size >= batchBytes {
			if last := len(b.starts) - 1; last >= 0 && !row.first {
				b.starts[last].bytes = 0
			}
			b.next = row
			return true, nil
		}
		if row.first {
			b.starts = append(b.starts, blockStart{at: len(b.places), id: bytes.Clone(row.key)})
		}
		if last := len(b.starts) - 1; last >= 0 {
			b.starts[last].bytes += row.bytes
		}
		b.places = append(b.places, row.place)
		size += row.bytes
	}
}

// objectReader reads ranges of an object. An indexReader requests rangeBytes at a time, so
// that no connection to the object store waits while rows are read.
type objectReader struct {
	ctx    context.Context // an io.ReaderAt has no other way
	bucket *storage.Bucket
	object storage.Object
}

// ReadAt implements io.ReaderAt.
func (r objectReader) ReadAt(p []byte, offset int64) (int, error) {
	body, err := r.bucket.Read(r.ctx, r.object, offset, int64(len(p)))
	if err != nil {
		return 0, err
	}
	n, err := io.ReadFull(body, p)
	return n, errors.Join(err, body.Close())
}
