package fetch

import (
	"context"
	"errors"
	"fmt"
	"time"

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
	// sink returns where a file goes that is read and not stored; nil if it is stored.
	sink     func(*file) output.File
	failures failures
	// planned has files whose plan is not stored yet; queued are all that were there.
	planned chan []*file
	queued  map[*file]bool
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
	if done && sink == nil { // what a sink has read is lost
		return r.openFolder(ctx, x)
	}
	c := &reception{run: r, export: x, links: newLinks(r, x), sink: sink, planned: make(chan []*file), queued: map[*file]bool{},
		queue: schedule.NewQueue(r.Output.Sequential(), func(f *file) int64 { return f.Size })}
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
	if err := r.journal.save(context.WithoutCancel(ctx)); err != nil {
		return nil, err
	}
	return x, r.discardLost(ctx)
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
		text = fmt.Sprintf("continuing: %s known to be stored, the others are looked for first", portion(all-missing, all))
	}
	r.events.emit(EventProgress, map[string]any{"body": nil, "xProgress": nil, "retryAfter": nil}, text)
}

// files waits for the manifest and downloads its files. If the server forgets the export,
// those that are known may still be there.
func (c *reception) files(ctx context.Context) error {
	if c.export.Role == roleMembers {
		c.journal.update(func(*state) { // what was read is known to the call of Run that read it
			for _, f := range c.export.Files {
				f.Stored = nil
				_ = c.plan(f) // it was no error before
			}
		})
	}
	var gone error
	work, ctx := errgroup.WithContext(ctx)
	work.Go(func() error {
		defer close(c.planned)
		err := c.await(ctx)
		if errors.Is(err, remote.ErrGone) {
			gone, err = err, nil
		}
		return err
	})
	work.Go(func() error { return c.release(ctx) })
	for range c.Parallel {
		work.Go(func() error { return c.download(ctx) })
	}
	if err := work.Wait(); err != nil {
		return err
	}
	if gone != nil {
		return gone
	}
	return c.failed()
}

// release queues files when their plan is stored: a later call must know which files are
// its own. Pages that arrive together are stored together.
func (c *reception) release(ctx context.Context) error {
	defer c.queue.Close()
	var files []*file
	var due <-chan time.Time
	var next time.Time
	for open := true; open; {
		var more []*file
		select {
		case <-ctx.Done():
			return context.Cause(ctx)
		case more, open = <-c.planned:
			files = append(files, more...)
			if due == nil {
				due = time.After(time.Until(next))
			}
			if open {
				continue
			}
		case <-due:
		}
		began := time.Now()
		if err := c.journal.save(ctx); err != nil {
			return err
		}
		c.queue.Push(files)
		files, due, next = nil, nil, time.Now().Add(pause(began))
	}
	return nil
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
		if err := r.journal.save(ctx); err != nil {
			return err
		}
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
