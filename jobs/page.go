package jobs

import (
	"context"
	"slices"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
)

const (
	// showSQL puts the files that no page shows yet on a new page.
	showSQL = `
UPDATE sluice.file SET page = (SELECT coalesce(max(page), 0) + 1 FROM sluice.file WHERE export_id = $1)
WHERE export_id = $1 AND page IS NULL`

	pageSQL = `
SELECT coalesce(array_agg(object_key) FILTER (WHERE page = $2), '{}'), coalesce(max(page), 0)
FROM sluice.file WHERE export_id = $1`

	isShownSQL = `SELECT EXISTS (SELECT FROM sluice.file WHERE export_id = $1 AND page IS NOT NULL)`
)

// Page returns the files of a page of the export's manifest, counted from 1, and
// whether another page follows. Each call puts the files that were written since the
// previous call on a page of their own. A page does not change once it was returned, so
// a client can process its files (Bulk Data 3.0.0, "allowPartialManifests"). The first
// page exists once there is a file or the export is completed. It returns ErrNotFound
// if there is no such page.
func (s *Store) Page(ctx context.Context, export Export, number int) (files Files, more bool, err error) {
	var keys []string
	pages := 0
	err = s.change(ctx, export.ID, "show files", func(tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, showSQL, export.ID); err != nil {
			return err
		}
		return tx.QueryRow(ctx, pageSQL, export.ID, number).Scan(&keys, &pages)
	})
	if err != nil {
		return files, false, err
	}
	if number > max(pages, 1) || pages == 0 && export.State != Completed {
		return Files{}, false, ErrNotFound
	}
	if files, err = s.Files(ctx, export.ID); err != nil {
		return files, false, err
	}
	onPage := make(map[string]bool, len(keys))
	for _, key := range keys {
		onPage[key] = true
	}
	return files.filter(func(file File) bool { return onPage[file.ObjectKey] }), number < pages, nil
}

// filter returns the files for which keep returns true.
func (f Files) filter(keep func(File) bool) Files {
	drop := func(file File) bool { return !keep(file) }
	f.Output = slices.DeleteFunc(f.Output, drop)
	f.Deleted = slices.DeleteFunc(f.Deleted, drop)
	f.Outcomes = slices.DeleteFunc(f.Outcomes, drop)
	return f
}

// checkNotShown returns ErrFilesShown if Page has returned files of the export.
func checkNotShown(ctx context.Context, tx pgx.Tx, id uuid.UUID) error {
	var shown bool
	if err := tx.QueryRow(ctx, isShownSQL, id).Scan(&shown); err != nil {
		return err
	}
	if shown {
		return ErrFilesShown
	}
	return nil
}
