package jobs

import (
	"context"
	"encoding/hex"
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

	warningsSQL = `
SELECT 'OperationOutcome', id || '/error/' || $2::text, jsonb_array_length(request->'warnings'), 0::bigint, NULL::bytea
FROM sluice.export WHERE id = $1 AND request ? 'warnings'`
)

// warningsName is the object of the outcomes that the kick-off itself has.
const warningsName = "request.OperationOutcome.ndjson.gz"

// WarningsKey is where the outcomes of Request.Warnings go.
func WarningsKey(id uuid.UUID) string { return id.String() + "/error/" + warningsName }

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
	warnings, err := s.listFiles(ctx, warningsSQL, id, warningsName)
	if err != nil {
		return files, err
	}
	found, err := s.listFiles(ctx, outcomesSQL, id)
	files.Outcomes = append(warnings, found...)
	return files, err
}

func (s *Store) listFiles(ctx context.Context, sql string, args ...any) ([]File, error) {
	rows, err := s.pool.Query(ctx, sql, args...)
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
	OutputFormat        string           `json:"outputFormat"` // of 4.0.0
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
	// FileSize is in bytes, as stored: compressed. Left out if not known. (Of
	// 4.0.0; harmless before.)
	FileSize int64 `json:"fileSize,omitempty"`
	// Extension is left out where nothing is to be said.
	Extension *FileExtension `json:"extension,omitempty"`
}

// FileExtension is what the manifest tells of a file beyond the specification.
type FileExtension struct {
	// SHA256 is the hash of the file as stored, in hexadecimal.
	SHA256 string `json:"sha256"`
}

// Manifest builds the manifest of an export with these files; url says what
// stands for an object. The error is url's.
func (e Export) Manifest(files Files, url func(File) (string, error)) (Manifest, error) {
	manifest := Manifest{
		TransactionTime: e.TransactionTime.UTC().Format(TimeLayout),
		Request:         e.Request.URL,
		OutputFormat:    e.Request.OutputFormat(),
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
		outputs[i] = ManifestOutput{Type: file.ResourceType, URL: location, Count: file.Resources, FileSize: file.Bytes}
		if len(file.SHA256) > 0 {
			outputs[i].Extension = &FileExtension{SHA256: hex.EncodeToString(file.SHA256)}
		}
	}
	return outputs, nil
}
