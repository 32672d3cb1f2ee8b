package worker

import (
	"context"
	"encoding/json"
	"fmt"
	"io"

	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/worker/patientindex"
)

// blocksName begins the names of files that hold blocks. No resource type has a
// hyphen.
const blocksName = "Patient-organized"

// indexKey is where the export keeps which rows make which block, for its parts.
// It goes when the export ends.
func indexKey(id uuid.UUID) string { return id.String() + "/blocks.index" }

// blocksScan is what jobs.Part.Scan holds for a part of blocks.
type blocksScan struct {
	// Share is that of the index, in which the rows lie in Relations.
	Share     patientindex.Share
	IndexETag string
	Relations []source.Relation

	// Outcomes are told with the part: what is in no block.
	Outcomes []fhir.OutcomeIssue `json:",omitempty"`
}

// planBlocks makes parts of an export whose files hold blocks, one a patient with
// what is in its compartment. The rows that make each block are found in one pass
// over the tables, in which PostgreSQL sorts their addresses, and written into an
// index; each part then reads its own rows alone, however many parts there are.
func (w *exportWorker) planBlocks(ctx context.Context, export jobs.Export, snapshot *source.Snapshot, wanted selection, tables []source.Table, targets targets) ([]jobs.PlannedPart, error) {
	keyed, err := wanted.compartments(ctx, snapshot, tables, targets)
	if err != nil {
		return nil, err
	}
	var total int64
	for _, table := range tables {
		total += table.Bytes
	}
	target := w.partSizes(export.Request, minPartBytes).target(total)

	left := newLeftOut(export.Request, tables, keyed)
	var shares []patientindex.Share
	var index storage.Object
	err = watched(ctx, snapshot, func(ctx context.Context) (err error) {
		index, shares, err = w.indexBlocks(ctx, export.ID, snapshot, keyed, target, left)
		return err
	})
	if err != nil {
		return nil, err
	}
	return blockParts(export.ID, index, shares, keyed, left.outcomes())
}

// indexBlocks writes the index of the export and returns it and its shares.
func (w *exportWorker) indexBlocks(ctx context.Context, id uuid.UUID, snapshot *source.Snapshot, keyed source.KeyScan, target int64, left *leftOut) (storage.Object, []patientindex.Share, error) {
	reader, err := w.config.Source.OpenReader(ctx, snapshot.ID)
	if err != nil {
		return storage.Object{}, nil, err
	}
	defer reader.Close(ctx)

	var shares []patientindex.Share
	err = uploadFrom(ctx, w.config.Bucket, indexKey(id), func(to io.Writer) error {
		index := patientindex.NewWriter(to, target)
		err := reader.ScanKeys(ctx, keyed, func(row *source.KeyedRow) error {
			if row.Key == nil {
				left.add(row)
				return nil
			}
			return index.Add(row.Key, source.RowAddress{Relation: row.Relation, TID: row.TID}, row.Bytes)
		})
		if err != nil {
			return err
		}
		shares, err = index.Finish()
		return err
	})
	if err != nil {
		return storage.Object{}, nil, err
	}
	index, err := w.config.Bucket.Stat(ctx, indexKey(id))
	return index, shares, err
}

// uploadFrom stores what write writes.
func uploadFrom(ctx context.Context, bucket *storage.Bucket, key string, write func(io.Writer) error) error {
	reader, writer := io.Pipe()
	uploaded := make(chan error, 1)
	go func() {
		_, err := bucket.Upload(ctx, key, reader)
		_ = reader.CloseWithError(err) // whoever still writes is not to wait
		uploaded <- err
	}()
	defer func() { _ = writer.CloseWithError(errNotRead) }() // if write panics
	err := write(writer)
	_ = writer.CloseWithError(err) // nil is the end
	if uploadErr := <-uploaded; uploadErr != nil {
		return uploadErr // which wraps err, or is what err is about
	}
	return err
}

// blockParts makes a part of each share. The first tells what is in no block.
func blockParts(id uuid.UUID, index storage.Object, shares []patientindex.Share, keyed source.KeyScan, outcomes []fhir.OutcomeIssue) ([]jobs.PlannedPart, error) {
	if len(shares) == 0 && len(outcomes) > 0 {
		shares = []patientindex.Share{{}}
	}
	scan := blocksScan{IndexETag: index.ETag, Outcomes: outcomes}
	for _, k := range keyed.Relations {
		scan.Relations = append(scan.Relations, k.Relation)
	}
	parts := make([]jobs.PlannedPart, len(shares))
	for i, share := range shares {
		scan.Share = share
		document, err := json.Marshal(scan)
		if err != nil {
			return nil, fmt.Errorf("plan blocks: %w", err)
		}
		scan.Outcomes = nil
		parts[i] = jobs.PlannedPart{
			Kind:      jobs.PatientBlocks,
			Scan:      document,
			ObjectKey: fmt.Sprintf("%s/%s.%04d%s", id, blocksName, i+1, fileSuffix),
			Bytes:     share.Bytes,
		}
	}
	return parts, nil
}
