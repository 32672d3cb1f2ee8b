package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/dev/stand"
)

// cleanPatience is how long it may take after an export until nothing of its
// work is left: a lease, and looking for lost ones.
const cleanPatience = 40 * time.Second

const (
	// Neither a snapshot nor the state may be held any more.
	transactionsSQL = `
SELECT count(*) FROM pg_stat_activity
WHERE application_name LIKE 'sluice%' AND state LIKE 'idle in transaction%'`

	unfinishedJobsSQL = `
SELECT count(*) FROM sluice.river_job
WHERE kind IN ('sluice_export', 'sluice_part', 'sluice_cleanup') AND state NOT IN ('completed', 'cancelled', 'discarded')`
)

// untilClean waits until no work is left, and says what is when that takes too
// long.
func (f *field) untilClean(ctx context.Context) error {
	var left string
	err := until(ctx, cleanPatience, "all to be tidied up", func(ctx context.Context) (done bool, err error) {
		found, err := f.leftovers(ctx)
		if err == nil {
			left = strings.Join(found, ", ")
		}
		return err == nil && left == "", err
	})
	if err != nil && ctx.Err() == nil && left != "" {
		return errors.New("left behind: " + left)
	}
	return err
}

// sweep removes what a run has left in the bucket, so that the next run does not report
// it again.
func (f *field) sweep(ctx context.Context) error {
	for upload := range f.objects.ListIncompleteUploads(ctx, stand.Bucket, "", true) {
		if upload.Err != nil {
			return fmt.Errorf("sweep the bucket: %w", upload.Err)
		}
		if err := f.objects.RemoveIncompleteUpload(ctx, stand.Bucket, upload.Key); err != nil {
			return fmt.Errorf("sweep the bucket: %w", err)
		}
	}
	return nil
}

func (f *field) leftovers(ctx context.Context) (found []string, err error) {
	var transactions, jobs int
	if err := f.db.QueryRow(ctx, transactionsSQL).Scan(&transactions); err != nil {
		return nil, err
	}
	if err := f.db.QueryRow(ctx, unfinishedJobsSQL).Scan(&jobs); err != nil {
		return nil, err
	}
	uploads := 0
	for upload := range f.objects.ListIncompleteUploads(ctx, stand.Bucket, "", true) {
		if upload.Err != nil {
			return nil, upload.Err
		}
		uploads++
	}
	for what, count := range map[string]int{"idle transactions": transactions, "River jobs": jobs, "unfinished uploads": uploads} {
		if count > 0 {
			found = append(found, fmt.Sprintf("%d %s", count, what))
		}
	}
	return found, ctx.Err()
}
