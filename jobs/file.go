package jobs

import (
	"context"
	"errors"
	"fmt"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

// FileKind is what a file is for.
type FileKind string

// The kinds of files.
const (
	// Output has resources or rows of a view.
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
	Kind FileKind

	// Output is the name of the output that the file belongs to (View.Name); empty
	// unless it has rows of a view.
	Output string

	ResourceType string // of its lines, or of the resources of its rows; empty if there are many types
	ObjectKey    string
	Resources    int64  // number of lines or rows, without the headers of patient blocks
	PlainBytes   int64  // before compression
	MaxLineBytes int64  // length of the longest line without its line feed; 0 of rows of a view
	Bytes        int64  // after compression
	SHA256       []byte // of the compressed bytes

	// Continues reports whether the last patient block of the file continues in the
	// next file of the same part.
	Continues bool

	// ETag identifies this version of the object in the store.
	ETag string
}

// Files are the files of an export, sorted by output, resource type and object key, so
// that the parts of an output follow each other in order.
type Files struct {
	// Output has the files of resources or of rows of views.
	Output []File

	// Deleted has the files of deleted resources. It is nil if the export does not
	// list them, because none of its parts is of that kind.
	Deleted []File

	// Outcomes has the files of OperationOutcomes.
	Outcomes []File
}

// Resources returns the number of resources of the output, or of rows of views.
func (f Files) Resources() (count int64) {
	for _, file := range f.Output {
		count += file.Resources
	}
	return count
}

const (
	fileColumns = `
SELECT f.kind, coalesce(f.output, ''), f.resource_type, f.object_key, f.resources, f.plain_bytes, f.max_line_bytes, f.stored_bytes, f.sha256, f.continues, f.etag
FROM sluice.file f `

	// filesSQL lists the files of a page, or of all pages if that is 0, sorted by output
	// and by the keys of their parts' first files, of which the longer has the higher
	// number. Files that belong to no part are last.
	filesSQL = fileColumns + `
LEFT JOIN sluice.part p ON p.export_id = f.export_id AND p.number = f.part_number
WHERE f.export_id = $1 AND ($2 = 0 OR f.page = $2)
ORDER BY f.output COLLATE "C", p.resource_type COLLATE "C" NULLS LAST, length(p.object_key), p.object_key COLLATE "C", f.number`

	// A part that has found no deletions has no file.
	listsDeletionsSQL = `SELECT EXISTS (SELECT FROM sluice.part WHERE export_id = $1 AND kind = 'deletions')`
)

// Files returns the files that the export has published so far.
func (s *Store) Files(ctx context.Context, id uuid.UUID) (Files, error) {
	return s.listFiles(ctx, id, 0)
}

func (s *Store) listFiles(ctx context.Context, id uuid.UUID, page int) (files Files, err error) {
	var listsDeletions bool
	if err := s.pool.QueryRow(ctx, listsDeletionsSQL, id).Scan(&listsDeletions); err != nil {
		return files, fmt.Errorf("jobs: list files: %w", err)
	}
	if listsDeletions {
		files.Deleted = []File{}
	}
	all, err := list(ctx, s, "list files", pgx.RowToStructByPos[File], filesSQL, id, page)
	files.Add(all...)
	return files, err
}

const fileSQL = fileColumns + `
JOIN sluice.export e ON e.id = f.export_id
WHERE f.export_id = $1 AND f.object_key = $2 AND (e.state = 'completed' OR e.state = 'running' AND f.page IS NOT NULL)`

// File returns the file with the object key if its export is completed or Page has
// returned the file, else ErrNotFound.
func (s *Store) File(ctx context.Context, id uuid.UUID, key string) (File, error) {
	files, err := list(ctx, s, "get file", pgx.RowToStructByPos[File], fileSQL, id, key)
	if err == nil && len(files) == 0 {
		err = ErrNotFound
	}
	if err != nil {
		return File{}, err
	}
	return files[0], nil
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

// insertFileSQL accepts a file that exists already, and may have been shown, if it was
// written again with the same bytes.
const insertFileSQL = `
INSERT INTO sluice.file (export_id, part_number, number, kind, output, resource_type, object_key, resources, plain_bytes, max_line_bytes, stored_bytes, sha256, continues, etag)
VALUES ($1, $2, $3, $4, nullif($5, ''), $6, $7, $8, $9, $10, $11, $12, $13, $14)
ON CONFLICT (export_id, object_key) DO UPDATE SET etag = excluded.etag WHERE file.sha256 = excluded.sha256`

// insertFiles inserts files of a part, or of the export itself if part is nil. It
// returns ErrFilesShown if one of them exists with other bytes. Few parts have more
// than two files.
func insertFiles(ctx context.Context, tx pgx.Tx, id uuid.UUID, part *int, files []File) error {
	for i, f := range files {
		err := changed(tx.Exec(ctx, insertFileSQL, id, part, i+1, f.Kind, f.Output, f.ResourceType, f.ObjectKey,
			f.Resources, f.PlainBytes, f.MaxLineBytes, f.Bytes, f.SHA256, f.Continues, f.ETag))
		if errors.Is(err, ErrStale) {
			err = ErrFilesShown
		}
		if err != nil {
			return err
		}
	}
	return nil
}

// storedBytes returns the size of the files in the bucket.
func storedBytes(files []File) (sum int64) {
	for _, file := range files {
		sum += file.Bytes
	}
	return sum
}
