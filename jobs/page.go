package jobs

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	// showSQL puts what no page shows yet on a new one.
	showSQL = `
UPDATE sluice.file SET page = (SELECT coalesce(max(page), 0) + 1 FROM sluice.file WHERE export_id = $1)
WHERE export_id = $1 AND page IS NULL`

	pageSQL = `
SELECT coalesce(array_agg(object_key) FILTER (WHERE page = $2), '{}'), coalesce(max(page), 0)
FROM sluice.file WHERE export_id = $1`

	shownSQL = `SELECT EXISTS (SELECT FROM sluice.file WHERE export_id = $1 AND page IS NOT NULL)`
)

// Page returns the files of a page of the export's manifest, counted from 1, and
// whether another page follows. Each call puts what was written since the last
// one on a page of its own; a page once shown stays as it is, so a client can
// begin with its files (Bulk Data 3.0.0, "allowPartialManifests"). There is a
// first page as soon as there is a file, or the export is completed. ErrNotFound
// if there is no such page.
func (s *Store) Page(ctx context.Context, export Export, number int) (files Files, more bool, err error) {
	var shown []string
	pages := 0
	err = s.move(ctx, export.ID, "show files", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, showSQL, export.ID); err != nil {
			return err
		}
		return tx.QueryRow(ctx, pageSQL, export.ID, number).Scan(&shown, &pages)
	})
	if err != nil {
		return files, false, err
	}
	if files, err = s.Files(ctx, export.ID); err != nil {
		return files, false, err
	}
	keys := make(map[string]bool, len(shown))
	for _, key := range shown {
		keys[key] = true
	}
	if number > max(pages, 1) || pages == 0 && export.State != Completed {
		return Files{}, false, ErrNotFound
	}
	return files.only(func(file File) bool { return keys[file.ObjectKey] }), number < pages, nil
}

// only leaves those files that keep holds for.
func (f Files) only(keep func(File) bool) Files {
	drop := func(file File) bool { return !keep(file) }
	f.Output = slices.DeleteFunc(f.Output, drop)
	f.Deleted = slices.DeleteFunc(f.Deleted, drop)
	f.Outcomes = slices.DeleteFunc(f.Outcomes, drop)
	return f
}

// checkNotShown is ErrShown if a client has seen files of the export already.
func checkNotShown(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	var shown bool
	if err := tx.QueryRow(ctx, shownSQL, id).Scan(&shown); err != nil {
		return err
	}
	if shown {
		return ErrShown
	}
	return nil
}
