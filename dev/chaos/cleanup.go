package chaos

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

// cleanTimeout is the maximum time from the end of an export to the end of its cleanup:
// a lease, and the check for abandoned jobs.
const cleanTimeout = 40 * time.Second

const (
	// Neither a snapshot nor a lock on the state may be held.
	transactionsSQL = `
SELECT count(*) FROM pg_stat_activity
WHERE application_name LIKE 'sluice%' AND state LIKE 'idle in transaction%'`

	unfinishedJobsSQL = `
SELECT count(*) FROM sluice.river_job
WHERE kind IN ('sluice_export', 'sluice_part', 'sluice_cleanup') AND state NOT IN ('completed', 'cancelled', 'discarded')`
)

// waitClean waits until no work is left. The error names what is.
func (h *harness) waitClean(ctx context.Context) error {
	return process.Poll(ctx, cleanTimeout, "cleanup", func(ctx context.Context) (bool, error) {
		var transactions, jobs int
		if err := h.db.QueryRow(ctx, transactionsSQL).Scan(&transactions); err != nil {
			return false, err
		}
		if err := h.db.QueryRow(ctx, unfinishedJobsSQL).Scan(&jobs); err != nil {
			return false, err
		}
		uploads, err := h.uploads(ctx)
		if err != nil {
			return false, err
		}
		if transactions+jobs+len(uploads) > 0 {
			return false, fmt.Errorf("left: %d idle transactions, %d River jobs, %d unfinished uploads", transactions, jobs, len(uploads))
		}
		return true, nil
	})
}

// uploads returns the keys of the unfinished uploads.
func (h *harness) uploads(ctx context.Context) (keys []string, err error) {
	for upload := range h.objects.ListIncompleteUploads(ctx, stand.Bucket, "", true) {
		if upload.Err != nil {
			return nil, fmt.Errorf("list uploads: %w", upload.Err)
		}
		keys = append(keys, upload.Key)
	}
	return keys, ctx.Err()
}

// removeUploads removes unfinished uploads, so that the next run does not report them
// again.
func (h *harness) removeUploads(ctx context.Context) error {
	keys, err := h.uploads(ctx)
	for _, key := range keys {
		err = errors.Join(err, h.objects.RemoveIncompleteUpload(ctx, stand.Bucket, key))
	}
	return err
}

// cancellations are the stages at which an export is canceled.
var cancellations = []struct {
	name    string
	reached func(stage) bool
}{
	{"cancel at once", func(stage) bool { return true }},
	{"cancel when started", func(s stage) bool { return s.generation > 0 }},
	{"cancel when planned", func(s stage) bool { return s.total > 0 }},
	{"cancel in the middle", func(s stage) bool { return s.total > 0 && 2*s.done >= s.total }},
	{"cancel at the last part", func(s stage) bool { return s.total > 0 && s.done >= s.total-1 }},
	{"cancel when complete", stage.ended},
}

// cancelAt cancels an export at a stage, waits for its cleanup, and checks that neither
// the client nor the bucket has it any more.
func (h *harness) cancelAt(ctx context.Context, reached func(stage) bool) (o outcome, err error) {
	e, err := h.kickOff(ctx, "")
	if err != nil {
		return o, err
	}
	defer e.stopOracle()
	if _, err := e.waitStage(ctx, endTimeout, "the stage to cancel at", reached); err != nil {
		return o, err
	}
	canceled := time.Now()
	if err := h.client.Delete(ctx, e.id); err != nil {
		return o, fmt.Errorf("cancel: %w", err)
	}
	e.stopOracle()
	if err := h.waitClean(ctx); err != nil {
		return o, err
	}
	o.took = time.Since(canceled)
	if err := h.client.CheckGone(ctx, e.id); err != nil {
		return o, err
	}
	keys, err := h.objectKeys(ctx, e.id)
	if err == nil && len(keys) > 0 {
		err = errors.New("objects left: " + strings.Join(keys, ", "))
	}
	return o, err
}
