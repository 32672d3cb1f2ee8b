package fetch

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// await plans the files of the manifest until it is complete. Pages of a running export
// (partial manifests) are planned as they arrive.
func (c *reception) await(ctx context.Context) error {
	var pages []*remote.Manifest
	partial, again := c.export.Request.Partial, false
	growing := newMerging(c.export, true, false)
	err := c.server.Await(ctx, c.export.StatusURL, remote.Waiting{
		Partial:  partial,
		Progress: c.reportProgress,
		Page: func(p *remote.Manifest) error {
			pages = append(pages, p)
			if again {
				return nil
			}
			if !partial {
				c.reportPage(p, "")
				return nil
			}
			waiting, err := c.add(ctx, growing, []*remote.Manifest{p})
			if err == nil {
				c.reportPage(p, fmt.Sprintf("files to download: %d", waiting))
			}
			return err
		},
		Again: func() { pages, again = nil, true },
	})
	if err != nil {
		return c.statusError(ctx, err)
	}
	waiting, err := c.add(ctx, newMerging(c.export, true, true), pages)
	if err != nil {
		return err
	}
	c.reportManifest(len(pages), waiting)
	return nil
}

// statusError reports an error of Await.
func (c *reception) statusError(ctx context.Context, err error) error {
	var known *Error
	if ctx.Err() == nil && !errors.As(err, &known) {
		c.events.emit(EventStatusError, failure(err), "")
	}
	return asRefusedLogin(err)
}

// reportProgress reports the text of X-Progress.
func (c *reception) reportProgress(text string) {
	c.events.emit(EventProgress, map[string]any{"body": nil, "xProgress": text, "retryAfter": nil}, "export: "+text)
}

// reportPage reports a page of the manifest.
func (c *reception) reportPage(p *remote.Manifest, text string) {
	counts := map[remote.Section]int{}
	for _, f := range p.Files {
		counts[f.Section]++
	}
	c.events.emit(EventPage, map[string]any{
		"transactionTime": p.TransactionTime, "outputFileCount": counts[remote.Output],
		"deletedFileCount": counts[remote.Deleted], "errorFileCount": counts[remote.Errors],
	}, text)
}

// reportManifest reports that the manifest is complete.
func (c *reception) reportManifest(pages, waiting int) {
	counts := map[remote.Section]int{}
	var transactionTime string
	c.journal.read(func(*state) {
		for _, f := range c.export.Files {
			counts[f.Section]++
		}
		transactionTime = c.export.TransactionTime
	})
	var text string
	if waiting > 0 || !c.export.Request.Partial {
		text = fmt.Sprintf("files to download: %d", waiting)
	}
	c.events.emit(EventStatusComplete, map[string]any{"transactionTime": transactionTime}, "")
	c.events.emit(EventManifest, map[string]any{
		"transactionTime":      transactionTime,
		"totalOutputFileCount": counts[remote.Output], "totalDeletedFileCount": counts[remote.Deleted],
		"totalErrorFileCount": counts[remote.Errors], "totalManifests": pages,
	}, text)
}

// add plans the files of pages of the manifest, and returns how many wait for their
// download. The names of new files are free: files of another run are never taken for them.
func (c *reception) add(ctx context.Context, merge *merging, pages []*remote.Manifest) (int, error) {
	var matches []match
	var err error
	c.journal.update(func(*state) {
		if matches, err = merge.add(pages); err == nil && merge.whole {
			err = merge.end()
		}
	})
	if err != nil {
		return 0, err
	}
	var added []*file
	for _, m := range matches {
		if m.new {
			added = append(added, m.file)
			if err := c.plan(m.file); err != nil {
				return 0, err
			}
		}
	}
	if err := c.openFolder(ctx, c.export); err != nil {
		return 0, err
	}
	if err := c.checkFree(ctx, added); err != nil {
		return 0, err
	}
	c.links.set(requireToken(pages), matches)
	var waiting []*file
	c.journal.update(func(*state) {
		c.export.Files = append(c.export.Files, added...)
		c.export.Complete = c.export.Complete || merge.whole
		for _, m := range matches {
			if m.file.Stored == nil && !c.queued[m.file] {
				c.queued[m.file] = true
				waiting = append(waiting, m.file)
			}
		}
	})
	c.totals.expect(waiting)
	select {
	case c.planned <- waiting:
		return len(waiting), nil
	case <-ctx.Done():
		return 0, context.Cause(ctx)
	}
}

// plan decides what happens to a new file.
func (c *reception) plan(f *file) error {
	switch {
	case c.export.Role == roleMembers:
		if f.Section != remote.Output || f.Type != "Patient" {
			f.Stored = &stored{}
		}
	case f.Section == remote.Deleted && c.Deleted == DeletedDrop:
		f.Stored = &stored{}
	case f.Section == remote.Deleted && c.Output.Sequential():
		return fail(Local, "the export has deletions, and %s has no place for them: fetch into a directory or bucket, or drop them (--deleted drop)", c.Output)
	default:
		f.Name = c.namer.name(f)
	}
	return nil
}

// parallelChecks is how many names are checked at the same time.
const parallelChecks = 16

// checkFree returns an error if the output has a file with the name of a new one.
func (c *reception) checkFree(ctx context.Context, files []*file) error {
	if c.Output.Sequential() {
		return nil
	}
	work, ctx := errgroup.WithContext(ctx)
	work.SetLimit(parallelChecks)
	for _, f := range files {
		if f.Name != "" {
			work.Go(func() error { return c.checkNames(ctx, f) })
		}
	}
	return work.Wait()
}

// checkNames returns an error if the output has a file with a name of f.
func (c *reception) checkNames(ctx context.Context, f *file) error {
	for _, name := range f.finalNames() {
		existing, err := c.Output.Open(ctx, c.path(name))
		switch {
		case errors.Is(err, output.ErrNotExist):
			continue
		case err != nil:
			return fail(Local, "look for %s: %w", c.path(name), err)
		}
		_ = existing.Close() // it was not read
		return fail(Local, "%s has %s from another run: remove it and run the same command again, or sluice fetch cancel %s", c.Output, c.path(name), c.Output)
	}
	return nil
}
