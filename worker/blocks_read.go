package worker

import (
	"bytes"
	"context"
	"errors"
	"io"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/worker/patientindex"
)

// What is asked for at once: so much that the question costs nothing, so little
// that its list of addresses takes no memory to speak of.
const (
	pickRows  = 10_000
	pickBytes = 16 << 20
)

// stageBlocks is stage for a share of the patients.
func (w *partWorker) stageBlocks(ctx context.Context, part jobs.Part, reader *source.Reader, progress func(rows, storedBytes int64)) (written, error) {
	var scan blocksScan
	if err := decodePlan(part.Scan, &scan); err != nil {
		return written{}, err
	}
	format, err := w.format(ctx, part, reader)
	if err != nil {
		return written{}, err
	}
	fetcher, err := reader.NewFetcher(ctx, scan.Relations)
	if err != nil {
		return written{}, err
	}
	var issues outcomes
	for _, issue := range scan.Outcomes {
		issues.write(issue)
	}
	opts := ndjson.BlockOptions{Options: w.dumpOptions(part), Type: patientType}
	opts.Format, opts.Issue, opts.Progress = format, issues.add, progress
	if part.Request.Elements != nil {
		opts.Elements = func(resourceType string) []string { return elements(part.Request, resourceType) }
	}

	blocks := func(ctx context.Context, to ndjson.BlockWriter) error {
		index := storage.Object{Key: indexKey(part.ExportID()), ETag: scan.IndexETag}
		in := &pieces{ctx: ctx, bucket: w.config.Bucket, object: index, offset: scan.Share.Offset, left: scan.Share.Length}
		return readBlocks(ctx, patientindex.NewReader(in, len(scan.Relations)), fetcher, scan.Relations, to)
	}
	if scan.Share.Length == 0 {
		blocks = func(context.Context, ndjson.BlockWriter) error { return nil }
	}
	to := uploader{bucket: w.config.Bucket, objectKey: part.ObjectKey}
	sent, err := to.send(ctx, jobs.Output, "", func(next ndjson.NextFunc) ([]ndjson.File, error) {
		_, files, err := ndjson.WriteBlocks(ctx, next, blocks, opts)
		return files, err
	})
	if err != nil {
		return sent, err
	}
	return issues.addTo(ctx, w.config.Bucket, part, sent)
}

// readBlocks hands the blocks of the index to to, some thousand rows at a time.
func readBlocks(ctx context.Context, index *patientindex.Reader, fetcher *source.Fetcher, relations []source.Relation, to ndjson.BlockWriter) error {
	batch := blockBatch{index: index}
	for {
		more, err := batch.fill()
		if err != nil {
			return err
		}
		begins := batch.begins
		err = fetcher.Fetch(ctx, batch.places, func(n int, row *source.Row) error {
			if len(begins) > 0 && begins[0].at == n {
				if err := to.Begin(begins[0].id, begins[0].bytes); err != nil {
					return err
				}
				begins = begins[1:]
			}
			return to.Row(relations[batch.places[n].Relation].Type, row)
		})
		if err != nil || !more {
			return err
		}
	}
}

// blockBatch is what is asked for at once.
type blockBatch struct {
	index  *patientindex.Reader
	next   *patientindex.Row // read already
	places []source.RowAddress
	begins []blockBegin
}

// blockBegin is the beginning of a block among the rows.
type blockBegin struct {
	at    int
	id    []byte
	bytes int64 // of its rows; 0 if not all of them are there
}

// fill replaces what is in the batch by the next rows, and tells whether others
// follow.
func (b *blockBatch) fill() (more bool, err error) {
	b.places, b.begins = b.places[:0], b.begins[:0]
	for size := int64(0); ; {
		row := b.next
		if row == nil {
			read, err := b.index.Next()
			if errors.Is(err, io.EOF) {
				return false, nil
			}
			if err != nil {
				return false, err
			}
			row = &read
		}
		b.next = nil
		if len(b.places) == pickRows || size >= pickBytes {
			if last := len(b.begins) - 1; last >= 0 && !row.First {
				b.begins[last].bytes = 0
			}
			b.next = row
			return true, nil
		}
		if row.First {
			b.begins = append(b.begins, blockBegin{at: len(b.places), id: bytes.Clone(row.Key)})
		}
		if last := len(b.begins) - 1; last >= 0 {
			b.begins[last].bytes += row.Bytes
		}
		b.places = append(b.places, row.Place)
		size += row.Bytes
	}
}

// pieceBytes is how much of an index is read from the store at once. It is then in
// memory: no connection waits while rows are read.
const pieceBytes = 256 << 10

// pieces reads a share of an object, piece by piece.
type pieces struct {
	ctx          context.Context //nolint:containedctx // an io.Reader has no other way
	bucket       *storage.Bucket
	object       storage.Object
	offset, left int64
	piece        bytes.Reader
}

func (p *pieces) Read(to []byte) (int, error) {
	if p.piece.Len() == 0 {
		if p.left == 0 {
			return 0, io.EOF
		}
		if err := p.load(min(p.left, pieceBytes)); err != nil {
			return 0, err
		}
	}
	return p.piece.Read(to)
}

func (p *pieces) load(length int64) error {
	body, err := p.bucket.Read(p.ctx, p.object, p.offset, length)
	if err != nil {
		return err
	}
	piece, err := io.ReadAll(io.LimitReader(body, length))
	if err = errors.Join(err, body.Close()); err != nil {
		return err
	}
	if int64(len(piece)) < length {
		return io.ErrUnexpectedEOF
	}
	p.piece.Reset(piece)
	p.offset, p.left = p.offset+length, p.left-length
	return nil
}
