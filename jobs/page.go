package jobs

import (
	"context"

	"github.com/jackc/pgx/v5"
)

const (
	// showSQL puts the files that no page shows yet on a new page.
	showSQL = `
UPDATE sluice.file SET page = (SELECT coalesce(max(page), 0) + 1 FROM sluice.file WHERE export_id = $1)
WHERE export_id = $1 AND page IS NULL`

	pagesSQL = `SELECT coalesce(max(page), 0) FROM sluice.file WHERE export_id = $1`

	isUnshownSQL = `SELECT NOT EXISTS (SELECT FROM sluice.file WHERE export_id = $1 AND page IS NOT NULL)`
)

// Page returns the files of a page of the export's manifest, counted from 1, and
// whether another page follows. Each call puts the files that were written since the
// previous call on a page of their own. A page does not change once it was returned, so
// a client can process its files (Bulk Data 3.0.0, "allowPartialManifests"). The first
// page exists once there is a file or the export is completed. It returns ErrNotFound
// if there is no such page.
func (s *Store) Page(ctx context.Context, export Export, number int) (files Files, more bool, err error) {
	var pages int
	err = s.change(ctx, export.ID, "show files", func(ctx context.Context, tx pgx.Tx) error {
		if _, err := tx.Exec(ctx, showSQL, export.ID); err != nil {
			return err
		}
		return tx.QueryRow(ctx, pagesSQL, export.ID).Scan(&pages)
	})
	if err != nil {
		return files, false, err
	}
	if number < 1 || number > max(pages, 1) || pages == 0 && export.State != Completed {
		return Files{}, false, ErrNotFound
	}
	files, err = s.listFiles(ctx, export.ID, number)
	return files, number < pages, err
}
