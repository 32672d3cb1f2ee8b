package jobs

import (
	"context"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// FileKind says what the lines of a file are for.
type FileKind string

// The kinds of files.
const (
	// Output holds resources.
	Output FileKind = "output"

	// Deleted holds Bundles that say what was deleted.
	Deleted FileKind = "deleted"

	// Outcome holds OperationOutcomes that say what could not be converted.
	Outcome FileKind = "outcome"
)

// File is an object that an export has written. What is 0 or nil of Bytes,
// PlainBytes, MaxLineBytes and SHA256 is not known.
type File struct {
	Kind         FileKind
	ResourceType string // of its lines; empty if they are of many
	ObjectKey    string
	Resources    int64  // its lines, without the headers of patient blocks
	PlainBytes   int64  // of ndjson
	MaxLineBytes int64  // the longest line, without its line feed
	Bytes        int64  // as stored: compressed
	SHA256       []byte // of these

	// Continues tells that the last block of the file goes on in the next file of
	// the same part.
	Continues bool

	// ETag is the store's mark of the object, empty if it is not recorded.
	ETag string
}

// Files are the objects of an export, by resource type and in the order of their
// names.
type Files struct {
	// Output holds the resources.
	Output []File

	// Deleted is nil if the export can't tell what was deleted: none of its
	// parts is of that kind.
	Deleted []File

	// Outcomes hold what could not be converted.
	Outcomes []File
}

// Resources is how many resources the output has.
func (f Files) Resources() (count int64) {
	for _, file := range f.Output {
		count += file.Resources
	}
	return count
}

const (
	fileColumns = `
SELECT f.kind, f.resource_type, f.object_key, f.resources,
       coalesce(f.plain_bytes, 0), coalesce(f.max_line_bytes, 0), coalesce(f.stored_bytes, 0), f.sha256, f.continues, f.etag
FROM sluice.file f `

	// filesSQL sorts by the names of the parts' first files, of which the longer
	// has the higher number.
	filesSQL = fileColumns + `
JOIN sluice.part p ON p.export_id = f.export_id AND p.number = f.part_number
WHERE f.export_id = $1
ORDER BY p.resource_type COLLATE "C", length(p.object_key), p.object_key COLLATE "C", f.place`

	// A part that has found no deletions has no file, and yet it tells something.
	knowsDeletionsSQL = `SELECT EXISTS (SELECT FROM sluice.part WHERE export_id = $1 AND kind = 'deletions')`
)

// Files lists what the export has written so far.
func (s *Store) Files(ctx context.Context, id uuid.UUID) (Files, error) {
	files, err := s.listFiles(ctx, id)
	if err != nil {
		return Files{}, fmt.Errorf("jobs: list files: %w", err)
	}
	return files, nil
}

func (s *Store) listFiles(ctx context.Context, id uuid.UUID) (files Files, err error) {
	var knowsDeletions bool
	if err := s.pool.QueryRow(ctx, knowsDeletionsSQL, id).Scan(&knowsDeletions); err != nil {
		return files, err
	}
	if knowsDeletions {
		files.Deleted = []File{}
	}
	rows, err := s.pool.Query(ctx, filesSQL, id)
	if err != nil {
		return files, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[File])
	if err != nil {
		return files, err
	}
	warnings, err := s.warningsFile(ctx, id)
	all = append(warnings, all...)
	for _, file := range all {
		switch file.Kind {
		case Output:
			files.Output = append(files.Output, file)
		case Deleted:
			files.Deleted = append(files.Deleted, file)
		case Outcome:
			files.Outcomes = append(files.Outcomes, file)
		}
	}
	return files, err
}

// addFilesSQL leaves a file that was shown as it is, if it has been written again
// with the same bytes.
const addFilesSQL = `
INSERT INTO sluice.file (export_id, part_number, place, kind, resource_type, object_key, resources, plain_bytes, max_line_bytes, stored_bytes, sha256, continues, etag)
SELECT $1, $2, f.place, f.kind::sluice.file_kind, f.resource_type, f.object_key, f.resources, f.plain_bytes, f.max_line_bytes, f.stored_bytes, f.sha256, f.continues, f.etag
FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[], $11::boolean[], $12::text[])
  WITH ORDINALITY AS f (kind, resource_type, object_key, resources, plain_bytes, max_line_bytes, stored_bytes, sha256, continues, etag, place)
ON CONFLICT (export_id, part_number, place) DO UPDATE SET etag = excluded.etag WHERE file.sha256 = excluded.sha256`

// addFiles records what the part has written. ErrShown if the client has been
// shown other bytes as one of the files.
func (part Part) addFiles(ctx context.Context, tx pgx.Tx, files []File) error {
	if len(files) == 0 {
		return nil
	}
	var kinds, types, keys, etags []string
	var resources, plain, longest, stored []int64
	var sums [][]byte
	var continues []bool
	for _, file := range files {
		kinds = append(kinds, string(file.Kind))
		types = append(types, file.ResourceType)
		keys = append(keys, file.ObjectKey)
		resources = append(resources, file.Resources)
		plain = append(plain, file.PlainBytes)
		longest = append(longest, file.MaxLineBytes)
		stored = append(stored, file.Bytes)
		sums = append(sums, file.SHA256)
		continues = append(continues, file.Continues)
		etags = append(etags, file.ETag)
	}
	tag, err := tx.Exec(ctx, addFilesSQL, part.args.ExportID, part.args.Number, kinds, types, keys, resources, plain, longest, stored, sums, continues, etags)
	if err == nil && int(tag.RowsAffected()) < len(files) {
		err = ErrShown
	}
	return err
}
