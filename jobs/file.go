package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// FileKind is what the lines of a file are for.
type FileKind string

// The kinds of files.
const (
	// Output has resources.
	Output FileKind = "output"

	// Deleted has Bundles that list deleted resources.
	Deleted FileKind = "deleted"

	// Outcome has OperationOutcomes about what could not be exported as requested.
	Outcome FileKind = "outcome"
)

// WarningsKey returns the object key of the file of Request.Warnings and
// Export.Warnings, which belongs to no part.
func WarningsKey(id uuid.UUID) string { return id.String() + "/error/request.errors.ndjson.gz" }

// File is an object that an export has published.
type File struct {
	Kind         FileKind
	ResourceType string // of its lines; empty if they are of many types
	ObjectKey    string
	Resources    int64  // number of lines, without the headers of patient blocks
	PlainBytes   int64  // before compression
	MaxLineBytes int64  // length of the longest line without its line feed
	Bytes        int64  // after compression
	SHA256       []byte // of the compressed bytes

	// Continues reports whether the last patient block of the file continues in the
	// next file of the same part.
	Continues bool

	// ETag identifies this version of the object in the store.
	ETag string
}

// Files are the files of an export, sorted by resource type and object key.
type Files struct {
	// Output has the files of resources.
	Output []File

	// Deleted has the files of deleted resources. It is nil if the export does not
	// list them, because none of its parts is of that kind.
	Deleted []File

	// Outcomes has the files of OperationOutcomes.
	Outcomes []File
}

// Resources returns the number of resources of the output.
func (f Files) Resources() (count int64) {
	for _, file := range f.Output {
		count += file.Resources
	}
	return count
}

const (
	fileColumns = `
SELECT f.kind, f.resource_type, f.object_key, f.resources, f.plain_bytes, f.max_line_bytes, f.stored_bytes, f.sha256, f.continues, f.etag
FROM sluice.file f `

	// filesSQL sorts files by the keys
	// of their parts' first files, of which the longer has the higher number. Files
	// that belong to no part are last.
	filesSQL = fileColumns + `
LEFT JOIN sluice.part p ON p.export_id = f.export_id AND p.number = f.part_number
WHERE f.export_id = $1
ORDER BY p.resource_type COLLATE "C" NULLS LAST, length(p.object_key), p.object_key COLLATE "C", f.number`

	// A part that has found no deletions has no file.
	listsDeletionsSQL = `SELECT EXISTS (SELECT FROM sluice.part WHERE export_id = $1 AND kind = 'deletions')`
)

// Files returns the files that the export has published so far.
func (s *Store) Files(ctx context.Context, id uuid.UUID) (Files, error) {
	files, err := s.listFiles(ctx, id)
	if err != nil {
		return Files{}, fmt.Errorf("jobs: list files: %w", err)
	}
	return files, nil
}

func (s *Store) listFiles(ctx context.Context, id uuid.UUID) (files Files, err error) {
	var listsDeletions bool
	if err := s.pool.QueryRow(ctx, listsDeletionsSQL, id).Scan(&listsDeletions); err != nil {
		return files, err
	}
	if listsDeletions {
		files.Deleted = []File{}
	}
	rows, err := s.pool.Query(ctx, filesSQL, id)
	if err != nil {
		return files, err
	}
	all, err := pgx.CollectRows(rows, pgx.RowToStructByPos[File])
	files.Add(all...)
	return files, err
}

const fileSQL = fileColumns + `
JOIN sluice.export e ON e.id = f.export_id
WHERE f.export_id = $1 AND f.object_key = $2 AND (e.state = 'completed' OR e.state = 'running' AND f.page IS NOT NULL)`

// File returns the file with the object key if its export is completed or Page has
// returned the file, else ErrNotFound.
func (s *Store) File(ctx context.Context, id uuid.UUID, key string) (File, error) {
	rows, err := s.pool.Query(ctx, fileSQL, id, key)
	if err != nil {
		return File{}, fmt.Errorf("jobs: get file: %w", err)
	}
	file, err := pgx.CollectExactlyOneRow(rows, pgx.RowToStructByPos[File])
	if errors.Is(err, pgx.ErrNoRows) {
		return File{}, ErrNotFound
	}
	if err != nil {
		return File{}, fmt.Errorf("jobs: get file: %w", err)
	}
	return file, nil
}

// Add appends files to the lists of their kinds.
func (f *Files) Add(files ...File) {
	for _, file := range files {
		switch file.Kind {
		case Output:
			f.Output = append(f.Output, file)
		case Deleted:
			f.Deleted = append(f.Deleted, file)
		case Outcome:
			f.Outcomes = append(f.Outcomes, file)
		}
	}
}

// insertFilesSQL accepts a file that exists already, and may have been shown, if it was
// written again with the same bytes.
const insertFilesSQL = `
INSERT INTO sluice.file (export_id, part_number, number, kind, resource_type, object_key, resources, plain_bytes, max_line_bytes, stored_bytes, sha256, continues, etag)
SELECT $1, $2, f.number, f.kind::sluice.file_kind, f.resource_type, f.object_key, f.resources, f.plain_bytes, f.max_line_bytes, f.stored_bytes, f.sha256, f.continues, f.etag
FROM unnest($3::text[], $4::text[], $5::text[], $6::bigint[], $7::bigint[], $8::bigint[], $9::bigint[], $10::bytea[], $11::boolean[], $12::text[])
  WITH ORDINALITY AS f (kind, resource_type, object_key, resources, plain_bytes, max_line_bytes, stored_bytes, sha256, continues, etag, number)
ON CONFLICT (export_id, object_key) DO UPDATE SET etag = excluded.etag WHERE file.sha256 = excluded.sha256`

// insertFiles inserts files of a part, or of the export itself if part is nil. It
// returns ErrFilesShown if one of them exists with other bytes.
func insertFiles(ctx context.Context, tx pgx.Tx, id uuid.UUID, part *int, files []File) error {
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
	tag, err := tx.Exec(ctx, insertFilesSQL, id, part, kinds, types, keys, resources, plain, longest, stored, sums, continues, etags)
	if err == nil && int(tag.RowsAffected()) < len(files) {
		err = ErrFilesShown
	}
	return err
}

// storedBytes returns the size of the files in the bucket.
func storedBytes(files []File) (sum int64) {
	for _, file := range files {
		sum += file.Bytes
	}
	return sum
}
