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
	"github.com/seed-90096f4d/sluice/worker/plan"
	"github.com/seed-90096f4d/sluice/worker/stage"
)

// Stager stages the parts.
type Stager struct{}

var _ stage.Kind = Stager{}

// Stage writes the patient blocks of the part's section of the index.
func (Stager) Stage(ctx context.Context, t *stage.Task) error {
	var planned part
	if err := plan.Decode(t.Part.Scan, &planned); err != nil {
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
	index := &objectReader{
		ctx:    ctx,
		bucket: t.Bucket,
		object: storage.Object{Key: indexKey(t.Part.ExportID()), ETag: planned.IndexETag},
		offset: planned.Section.Offset,
		left:   planned.Section.Length,
	}
	blocks := ndjson.NewPatientBlockWriter(ctx, t.NextFile, opts)
	defer blocks.Close()
	err = readBlocks(blocks.Context(), newIndexReader(index, len(planned.Relations)), fetcher, planned.Relations, blocks)
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

// rangeBytes is how much of an index one request to the object store reads into
// memory, so that no connection waits while rows are read.
const rangeBytes = 256 << 10

// objectReader reads a section of an object, range by range.
type objectReader struct {
	ctx          context.Context // an io.Reader has no other way
	bucket       *storage.Bucket
	object       storage.Object
	offset, left int64
	buffer       bytes.Reader
}

// Read implements io.Reader.
func (r *objectReader) Read(p []byte) (int, error) {
	if r.buffer.Len() == 0 {
		if r.left == 0 {
			return 0, io.EOF
		}
		if err := r.load(min(r.left, rangeBytes)); err != nil {
			return 0, err
		}
	}
	return r.buffer.Read(p)
}

// load reads the next range.
func (r *objectReader) load(length int64) error {
	body, err := r.bucket.Read(r.ctx, r.object, r.offset, length)
	if err != nil {
		return err
	}
	content, err := io.ReadAll(io.LimitReader(body, length))
	if err = errors.Join(err, body.Close()); err != nil {
		return err
	}
	if int64(len(content)) < length {
		return io.ErrUnexpectedEOF
	}
	r.buffer.Reset(content)
	r.offset, r.left = r.offset+length, r.left-length
	return nil
}
