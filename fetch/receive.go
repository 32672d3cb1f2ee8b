package fetch

import (
	"context"
	"errors"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/schedule"
)

// reception receives the files of one export.
type reception struct {
	*run
	export *export
	links  *links
	queue  *schedule.Queue[*file]
	queued map[*file]bool // all that ever were
	// sink returns where a file goes that is read and not stored; nil if it is stored.
	sink     func(*file) output.File
	failures failures
}

// receive starts an export unless it is running, and downloads its files. A nil sink
// stores all of them.
func (r *run) receive(ctx context.Context, as role, request remote.Request, sink func(*file) output.File) error {
	x, err := r.start(ctx, as, request)
	if err != nil {
		return err
	}
	var done bool
	r.journal.read(func(*state) { done = x.done() })
	if done {
		return r.openFolder(ctx, x)
	}
	c := &reception{run: r, export: x, links: newLinks(r, x), queue: schedule.NewQueue(r.Output.Sequential(), func(f *file) int64 { return f.Size }), queued: map[*file]bool{}, sink: sink}
	return c.files(ctx)
}

// start returns the export of a role, after its kick-off if necessary. The status
// URL is stored at once: an export that is forgotten keeps the server from starting
// another.
func (r *run) start(ctx context.Context, as role, request remote.Request) (*export, error) {
	var x *export
	r.journal.read(func(s *state) { x = s.export(as) })
	if x != nil {
		r.reportContinuation(x)
		return x, nil
	}
	x = &export{Role: as, Request: request, StatusURL: r.StatusURL}
	if as != roleMain || x.StatusURL == "" {
		status, err := r.kickOff(ctx, as, request)
		if err != nil {
			return nil, err
		}
		x.StatusURL = status
	}
	r.journal.update(func(s *state) { s.Exports = append(s.Exports, x) })
	return x, r.journal.save(context.WithoutCancel(ctx))
}

// kickOff starts an export on the server.
func (r *run) kickOff(ctx context.Context, as role, request remote.Request) (statusURL string, err error) {
	software, _ := r.server.Software(ctx) // only for the log
	statusURL, err = r.server.KickOff(ctx, request)
	if err != nil {
		if ctx.Err() == nil {
			r.events.emit(EventKickOff, kickOffDetails(r.BaseURL, request, software, err), "")
		}
		if kindOf(err) == Failed {
			return "", fail(Refused, "%w", err)
		}
		return "", err
	}
	text := "export started"
	switch {
	case as != roleMain:
		text = fmt.Sprintf("export of %s started", as)
	case request.Since != "":
		text = "export of changes since " + request.Since + " started"
	}
	r.events.emit(EventKickOff, kickOffDetails(r.BaseURL, request, software, nil), text)
	return statusURL, nil
}

// reportContinuation says what an earlier call of Run has stored.
func (r *run) reportContinuation(x *export) {
	var all, missing int
	r.journal.read(func(*state) { all, missing = len(x.Files), x.missing() })
	text := "continuing: the export has no files yet"
	if all > 0 {
		text = fmt.Sprintf("continuing: %d of %d files are known to be stored, the others are looked for first", all-missing, all)
	}
	r.events.emit(EventProgress, map[string]any{"body": nil, "xProgress": nil, "retryAfter": nil}, text)
}

// files waits for the manifest and downloads the files of each page as it arrives.
func (c *reception) files(ctx context.Context) error {
	if c.sink != nil && !c.Output.Sequential() {
		c.journal.update(func(*state) { // what was read is known to the call of Run that read it
			for _, f := range c.export.Files {
				f.Stored = nil
			}
		})
	}
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		defer c.queue.Close()
		return c.await(ctx)
	})
	for range c.Parallel {
		work.Go(func() error { return c.download(ctx) })
	}
	if err := work.Wait(); err != nil {
		return err
	}
	return c.failures.err(len(c.export.Files))
}

// await queues the files of the manifest until it is complete.
func (c *reception) await(ctx context.Context) error {
	merge := newMerging(c.export, true)
	pages := 0
	err := c.server.Await(ctx, c.export.StatusURL, remote.Waiting{
		Partial:  c.export.Request.Partial,
		Progress: c.reportProgress,
		Page: func(p *remote.Manifest) error {
			pages++
			return c.page(ctx, merge, p)
		},
		Again: func() {
			pages = 0
			c.journal.read(func(*state) { merge = newMerging(c.export, true) })
			merge.again = true
		},
	})
	if err != nil {
		if ctx.Err() == nil {
			c.events.emit(EventStatusError, failure(err), "")
		}
		return err
	}
	var counts map[remote.Section]int
	var transactionTime string
	c.journal.update(func(*state) {
		if err = merge.end(); err == nil {
			c.export.Complete = true
			counts, transactionTime = count(c.export.Files), c.export.TransactionTime
		}
	})
	if err != nil {
		return err
	}
	c.events.emit(EventStatusComplete, map[string]any{"transactionTime": transactionTime}, "")
	c.events.emit(EventManifest, map[string]any{
		"transactionTime":      transactionTime,
		"totalOutputFileCount": counts[remote.Output], "totalDeletedFileCount": counts[remote.Deleted],
		"totalErrorFileCount": counts[remote.Errors], "totalManifests": pages,
	}, "")
	return c.journal.save(ctx)
}

// reportProgress reports the text of X-Progress.
func (c *reception) reportProgress(text string) {
	c.events.emit(EventProgress, map[string]any{"body": nil, "xProgress": text, "retryAfter": nil}, "export: "+text)
}

// page plans and queues the files of a page of the manifest. The plan is stored before the
// first download: a later call must know which files are its own.
func (c *reception) page(ctx context.Context, merge *merging, p *remote.Manifest) error {
	var matches []match
	var waiting []*file
	var err error
	c.journal.update(func(*state) {
		if matches, err = merge.page(p); err != nil {
			return
		}
		for _, m := range matches {
			if m.new {
				err = errors.Join(err, c.plan(m.file))
			}
			if m.file.Stored == nil && !c.queued[m.file] {
				c.queued[m.file] = true
				waiting = append(waiting, m.file)
			}
		}
	})
	if err != nil {
		return err
	}
	c.links.set(p, matches)
	if merge.again && len(waiting) == 0 {
		return nil
	}
	if err := c.openFolder(ctx, c.export); err != nil {
		return err
	}
	if err := c.journal.save(ctx); err != nil {
		return err
	}
	files := make([]*file, len(matches))
	for i, m := range matches {
		files[i] = m.file
	}
	counts := count(files)
	c.events.emit(EventPage, map[string]any{
		"transactionTime": p.TransactionTime, "outputFileCount": counts[remote.Output],
		"deletedFileCount": counts[remote.Deleted], "errorFileCount": counts[remote.Errors],
	}, fmt.Sprintf("files to download: %d", len(waiting)))
	c.totals.expect(waiting)
	c.queue.Push(waiting)
	return nil
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

// count returns the number of files of each section.
func count(files []*file) map[remote.Section]int {
	counts := map[remote.Section]int{}
	for _, f := range files {
		counts[f.Section]++
	}
	return counts
}

// openFolder chooses the folder of the run with the first page of the main export, and
// opens the log there.
func (r *run) openFolder(ctx context.Context, x *export) error {
	if x.Role != roleMain {
		return nil
	}
	var folder, transactionTime string
	var chosen bool
	r.journal.read(func(s *state) {
		folder, chosen, transactionTime = s.Folder, s.Folder != "" || !s.SinceAuto, x.TransactionTime
	})
	if !chosen {
		var err error
		if folder, err = r.freeFolder(ctx, transactionTime); err != nil {
			return err
		}
		r.journal.update(func(s *state) { s.Folder = folder })
	}
	return r.events.open(ctx, folder, r.resumed)
}

// freeFolder returns a folder for a run of a chain. Servers may report the same
// transactionTime twice.
func (r *run) freeFolder(ctx context.Context, transactionTime string) (string, error) {
	for attempt := 1; ; attempt++ {
		folder := runFolder(transactionTime, attempt)
		_, err := r.Output.ReadDocument(ctx, folder+manifestName)
		if errors.Is(err, output.ErrNotExist) {
			return folder, nil
		}
		if err != nil {
			return "", fail(Local, "read %s: %w", folder+manifestName, err)
		}
	}
}
