package jobs

import (
	"context"
	"fmt"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// TimeLayout is how an instant is written: UTC, microseconds, as PostgreSQL
// keeps it.
const TimeLayout = "2006-01-02T15:04:05.000000Z"

// ManifestName is the object that marks an export complete in the bucket.
const ManifestName = "manifest.json"

// File is an object that an export has written.
type File struct {
	ResourceType string // of its lines
	ObjectKey    string
	Resources    int64
	Bytes        int64  // as stored: compressed; not known of outcomes
	SHA256       []byte // of these
}

// Files are the objects of an export, in the order of its parts.
type Files struct {
	// Output holds the resources.
	Output []File

	// Deleted holds Bundles that say what was deleted. It is nil if the export
	// can't tell: none of its parts is of that kind.
	Deleted []File

	// Outcomes holds OperationOutcomes that say what could not be converted.
	Outcomes []File
}

const (
	outputSQL = `
SELECT resource_type, object_key, resources, file_bytes, sha256 FROM sluice.part
WHERE export_id = $1 AND kind = 'resources' AND state = 'done' AND resources > 0 ORDER BY number`

	// Those without deletions are among them: they tell that there were none.
	deletedSQL = `
SELECT 'Bundle', object_key, resources, file_bytes, sha256 FROM sluice.part
WHERE export_id = $1 AND kind = 'deletions' AND state = 'done' ORDER BY number`

	outcomesSQL = `
SELECT 'OperationOutcome', outcomes_key, outcomes, 0::bigint, NULL::bytea FROM sluice.part
WHERE export_id = $1 AND state = 'done' AND outcomes > 0 ORDER BY number`
)

// Files lists what the export has written so far.
func (s *Store) Files(ctx context.Context, id uuid.UUID) (files Files, err error) {
	if files.Output, err = s.listFiles(ctx, outputSQL, id); err != nil {
		return files, err
	}
	deleted, err := s.listFiles(ctx, deletedSQL, id)
	if err != nil {
		return files, err
	}
	if len(deleted) > 0 {
		files.Deleted = slices.DeleteFunc(deleted, func(file File) bool { return file.Resources == 0 })
	}
	files.Outcomes, err = s.listFiles(ctx, outcomesSQL, id)
	return files, err
}

func (s *Store) listFiles(ctx context.Context, sql string, id uuid.UUID) ([]File, error) {
	rows, err := s.pool.Query(ctx, sql, id)
	if err != nil {
		return nil, fmt.Errorf("jobs: list files: %w", err)
	}
	files, err := pgx.CollectRows(rows, pgx.RowToStructByPos[File])
	if err != nil {
		return nil, fmt.Errorf("jobs: list files: %w", err)
	}
	return files, nil
}

// Manifest is the answer of a completed export (Bulk Data 3.0.0, "Response -
// Output Manifest").
type Manifest struct {
	TransactionTime     string           `json:"transactionTime"`
	Request             string           `json:"request"`
	RequiresAccessToken bool             `json:"requiresAccessToken"`
	Output              []ManifestOutput `json:"output"`
	// Deleted is left out if nil.
	Deleted []ManifestOutput `json:"deleted,omitzero"`
	Error   []ManifestOutput `json:"error"`
}

// ManifestOutput is one file of a manifest.
type ManifestOutput struct {
	Type string `json:"type"`
	// URL is where to get the file; in the bucket's copy, the object's key.
	URL   string `json:"url"`
	Count int64  `json:"count"`
}

// Manifest builds the manifest of an export with these files; url says what
// stands for an object. The error is url's.
func (e Export) Manifest(files Files, url func(File) (string, error)) (Manifest, error) {
	manifest := Manifest{
		TransactionTime: e.TransactionTime.UTC().Format(TimeLayout),
		Request:         e.Request.URL,
	}
	var err error
	if manifest.Output, err = manifestOutputs(files.Output, url); err != nil {
		return Manifest{}, err
	}
	if files.Deleted != nil {
		if manifest.Deleted, err = manifestOutputs(files.Deleted, url); err != nil {
			return Manifest{}, err
		}
	}
	manifest.Error, err = manifestOutputs(files.Outcomes, url)
	return manifest, err
}

func manifestOutputs(files []File, url func(File) (string, error)) ([]ManifestOutput, error) {
	outputs := make([]ManifestOutput, len(files))
	for i, file := range files {
		location, err := url(file)
		if err != nil {
			return nil, err
		}
		outputs[i] = ManifestOutput{Type: file.ResourceType, URL: location, Count: file.Resources}
	}
	return outputs, nil
}
