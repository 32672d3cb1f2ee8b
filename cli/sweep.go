package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"text/tabwriter"
	"time"

	"github.com/dustin/go-humanize"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/location"
	"github.com/seed-90096f4d/sluice/storage"
	"github.com/seed-90096f4d/sluice/worker"
)

type sweepCommand struct {
	stateDatabase
	storageSettings
	DryRun    bool          `help:"Only list what would be removed."`
	OlderThan time.Duration `default:"1d" help:"Minimum age of the newest file of a folder that is removed."`
}

// Help explains when the command is needed.
func (cmd *sweepCommand) Help() string {
	return `Workers remove the files of expired, failed and cancelled exports. They do not know
exports that the state database has lost, for example because it was restored from
a backup. This command finds the folders of such exports by their names, lists
them, and removes their files and unfinished uploads. It does not touch other
objects in the bucket.

  sluice sweep --dry-run
  sluice sweep`
}

// Validate validates each group.
func (cmd *sweepCommand) Validate() error {
	if cmd.OlderThan < 0 {
		return fmt.Errorf("--older-than must be 0s or more, got %s", cmd.OlderThan)
	}
	return validate(&cmd.stateDatabase, &cmd.storageSettings)
}

// Run lists the folders and removes them.
func (cmd *sweepCommand) Run(ctx context.Context, out *output) error {
	bucket, err := cmd.open(nil)
	if err != nil {
		return err
	}
	defer bucket.Close()
	return withState(ctx, &cmd.stateSettings, func(state *pgxpool.Pool) error {
		if err := checkBucket(ctx, state, bucket); err != nil {
			return err
		}
		store, err := jobs.New(state, jobs.Config{})
		if err != nil {
			return err
		}
		orphans, err := worker.Orphans(ctx, bucket, store, time.Now().Add(-cmd.OlderThan))
		if err != nil {
			return err
		}
		return cmd.remove(ctx, out.stdout, bucket, orphans)
	})
}

// checkBucket returns an error unless the state database records this bucket and prefix.
// In any other one, all files belong to unknown exports.
func checkBucket(ctx context.Context, state *pgxpool.Pool, bucket *storage.Bucket) error {
	own, version, err := location.Read(ctx, state)
	if err != nil {
		return err
	}
	if version == 0 {
		return errors.New("the state database records no bucket: first run sluice location record with the settings of the servers")
	}
	at := bucket.Location()
	own.Endpoint, own.Bucket, own.Prefix = at.Endpoint, at.Bucket, at.Prefix
	return location.Check(ctx, state, own, version)
}

// remove lists the folders, and removes them unless it is a dry run. It continues after
// a failure.
func (cmd *sweepCommand) remove(ctx context.Context, w io.Writer, bucket *storage.Bucket, orphans []storage.Folder) error {
	var total storage.Folder
	var failed []error
	removed := 0
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	if len(orphans) > 0 {
		_, _ = fmt.Fprintln(table, "EXPORT\tFILES\tUPLOADS\tSIZE\tLAST CHANGED")
	}
	for _, folder := range orphans {
		if !cmd.DryRun {
			if err := bucket.DeleteUnder(ctx, folder.Name); err != nil {
				failed = append(failed, err)
				continue
			}
		}
		removed++
		total.Objects += folder.Objects
		total.Uploads += folder.Uploads
		total.Bytes += folder.Bytes
		_, _ = fmt.Fprintf(table, "%s\t%d\t%d\t%s\t%s\n", folder.Name, folder.Objects, folder.Uploads, humanize.IBytes(uint64(folder.Bytes)), formatTime(folder.Changed))
	}
	if err := table.Flush(); err != nil {
		return err
	}
	verb := "removed"
	if cmd.DryRun {
		verb = "to remove (dry run)"
	}
	_, err := fmt.Fprintf(w, "%s: %d exports, %d files, %d unfinished uploads, %s (%d bytes)\n",
		verb, removed, total.Objects, total.Uploads, humanize.IBytes(uint64(total.Bytes)), total.Bytes)
	if err == nil && cmd.OlderThan > 0 {
		_, err = fmt.Fprintf(w, "Folders with changes in the last %s are kept (--older-than).\n", cmd.OlderThan)
	}
	return errors.Join(append(failed, err)...)
}
