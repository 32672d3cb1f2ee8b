package fetch

import (
	"context"
	"errors"
	"fmt"
	"strings"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/seed-90096f4d/sluice/fetch/content"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/transfer"
)

// download downloads files of the queue until there are no more. A file that fails does
// not stop the others, unless they would fail, too.
func (c *reception) download(ctx context.Context) error {
	for {
		if err := c.limiter.Acquire(ctx); err != nil {
			return err
		}
		f, ok, err := c.queue.Pop(ctx)
		if ok {
			err = c.obtain(ctx, f)
		}
		c.limiter.Release(ok && err == nil)
		if err != nil {
			err = c.settle(ctx, f, err)
		}
		if err != nil || !ok {
			return err
		}
	}
}

// settle records the failure of a file. It returns an error if the others need not be
// tried.
func (c *reception) settle(ctx context.Context, f *file, err error) error {
	if ctx.Err() != nil {
		return context.Cause(ctx)
	}
	var mismatch *transfer.MismatchError
	var failed *transfer.RemoteError
	var cut *cutError
	switch {
	case errors.As(err, &mismatch):
		c.failures.unverified(f, err)
	case !errors.As(err, &failed):
		if kindOf(err) == Incomplete {
			return fail(Local, "store %s: %w", f, err)
		}
		return err
	case kindOf(err) == LoginRefused:
		return err
	default:
		c.failures.missing(f, err)
	}
	if errors.As(err, &cut) {
		return c.failed()
	}
	if silence := time.Since(time.Unix(0, c.received.Load())); mismatch == nil && c.RetryFor > 0 && silence >= c.RetryFor {
		return reported(Incomplete, err, "nothing was received for %s", silence.Round(time.Second))
	}
	return nil
}

// failed returns the failures of files as one error, or nil.
func (c *reception) failed() error {
	var files int
	c.journal.read(func(*state) { files = len(c.export.Files) })
	return c.failures.err(files)
}

// cutError says that a file failed after a part of it was written to standard output, where
// nothing can follow.
type cutError struct{ error }

func (e *cutError) Unwrap() error { return e.error }

// countedFile counts the bytes that are written.
type countedFile struct {
	output.File
	written int64
}

func (f *countedFile) Write(p []byte) (int, error) {
	n, err := f.File.Write(p)
	f.written += int64(n)
	return n, err
}

// obtain stores a file. One that an earlier call has published just before it was killed
// is in its place already.
func (c *reception) obtain(ctx context.Context, f *file) error {
	to := c.sinkFor(f)
	if to == nil && !c.Output.Sequential() {
		found, err := c.restore(ctx, f)
		if err != nil || found {
			return err
		}
	}
	if to != nil {
		return errors.Join(c.transfer(ctx, f, to), to.Close())
	}
	to, err := c.Output.Create(ctx, c.path(f.Name))
	if err != nil {
		return fail(Local, "create %s: %w", f, err)
	}
	counted := &countedFile{File: to}
	if err = errors.Join(c.transfer(ctx, f, counted), to.Close()); err != nil && c.Output.Sequential() && counted.written > 0 {
		return &cutError{err}
	}
	return err
}

// sinkFor returns the sink of a file; nil if it is stored.
func (c *reception) sinkFor(f *file) output.File {
	if c.sink == nil {
		return nil
	}
	return c.sink(f)
}

// path returns the name of a file in the output.
func (r *run) path(name string) string {
	var folder string
	r.journal.read(func(s *state) { folder = s.Folder })
	return folder + name
}

// transfer downloads a file.
func (c *reception) transfer(ctx context.Context, f *file, to output.File) error {
	var link string
	var origin transfer.Origin
	c.journal.read(func(*state) { link, origin = f.Link, f.Origin })
	c.events.emit(EventDownloadRequest, map[string]any{"fileUrl": link, "itemType": string(f.Section), "resourceType": f.Type}, "")

	base, err := c.base()
	if err != nil {
		return err
	}
	progress := c.watch(f)
	d := &transfer.Download{
		Client: c.client, Base: base, Login: authorizer{c.login}, Links: &fileLinks{links: c.links, file: f}, Expect: c.expect(f),
		File: to, Name: c.path(f.String()), Options: c.transferOptions(f), Progress: progress, Congestion: c.limiter,
		Warn: func(text string) { c.events.warn("%s", text) }, Origin: origin,
		Began: func(o transfer.Origin) error {
			c.journal.update(func(*state) { f.Origin = o })
			return nil
		},
	}
	got, err := d.Run(ctx)
	progress.End(max(got.Lines, 0), err)
	if err != nil {
		if ctx.Err() == nil {
			details := failure(err)
			details["fileUrl"] = link
			c.events.emit(EventDownloadError, details, eventText(err))
		}
		return err
	}
	c.keep(f, stored{Name: strings.TrimPrefix(got.Name, c.path("")), Lines: got.Lines, Headers: got.Headers, Bytes: got.Bytes, SHA256: got.SHA256})
	c.reportStored(f)
	return nil
}

// eventText returns the text of the error of one file; empty if it is the error of the run.
func eventText(err error) string {
	var mismatch *transfer.MismatchError
	var failed *transfer.RemoteError
	if errors.As(err, &mismatch) || errors.As(err, &failed) {
		return err.Error()
	}
	return ""
}

// expect returns what is known about a file.
func (c *reception) expect(f *file) transfer.Expectation {
	e := transfer.Expectation{Type: f.Type, Count: f.Count, Size: f.Size, SHA256: f.SHA256}
	e.Organized = c.organized(f)
	return e
}

// organized reports whether a file has blocks of resources, which begin with a header.
func (c *reception) organized(f *file) (organized bool) {
	c.journal.read(func(*state) { organized = f.Section == remote.Output && c.export.OrganizedBy != "" })
	return organized
}

// transferOptions returns the options of a download. Sinks read ndjson.
func (c *reception) transferOptions(f *file) transfer.Options {
	o := c.Transfer
	o.Plain = o.Plain || f.Name == ""
	return o
}

// keep marks a file as stored.
func (r *run) keep(f *file, s stored) {
	r.journal.update(func(*state) {
		f.Stored, f.Origin = &s, transfer.Origin{}
	})
}

// reportStored reports that a file is stored.
func (r *run) reportStored(f *file) {
	var link string
	r.journal.read(func(*state) { link = f.Link })
	text := fmt.Sprintf("%s: %s", f.Stored.Name, sizeText(f.Stored.Bytes))
	if f.Stored.Lines >= 0 {
		text = fmt.Sprintf("%s: %s, %s", f.Stored.Name, counted(f.Stored.Lines, "resource"), sizeText(f.Stored.Bytes))
	}
	if f.Name == "" {
		text = ""
	}
	details := map[string]any{"fileUrl": link, "resourceCount": f.count(), "fileSize": f.Stored.Bytes}
	r.events.emit(EventDownloadComplete, details, text)
}

// finalNames are the names that a file may have when it is stored.
func (f *file) finalNames() []string { return []string{f.Name + ".gz", f.Name} }

// restore reports whether an earlier call has stored a file under its final name, and
// whether it is what the manifest says.
func (c *reception) restore(ctx context.Context, f *file) (bool, error) {
	if !f.earlier {
		return false, nil
	}
	for _, name := range f.finalNames() {
		facts, err := inspect(ctx, c.Output, c.path(name))
		switch {
		case errors.Is(err, output.ErrNotExist):
			continue
		case ctx.Err() != nil:
			return false, context.Cause(ctx)
		case err != nil || !f.matches(facts, c.organized(f)):
			return false, nil // it is downloaded again
		}
		s := stored{Name: name, Lines: facts.Lines, Bytes: facts.Bytes, SHA256: facts.SHA256}
		if f.Count >= 0 && c.organized(f) {
			s.Lines, s.Headers = f.Count, facts.Lines-f.Count
		}
		if f.Origin.Opaque {
			s.Lines = -1
		}
		c.keep(f, s)
		c.totals.forget(f)
		c.reportStored(f)
		return true, nil
	}
	return false, nil
}

// matches reports whether a stored file is certainly what the manifest says. Organized
// files have lines besides the resources.
func (f *file) matches(facts content.Facts, organized bool) bool {
	switch {
	case f.Count > facts.Lines, f.Count >= 0 && f.Count < facts.Lines && !organized,
		f.Size >= 0 && f.Size != facts.Bytes && f.Size != facts.PlainBytes,
		f.SHA256 != "" && f.SHA256 != facts.SHA256 && f.SHA256 != facts.PlainSHA256:
		return false
	}
	return f.Count >= 0 || f.Size >= 0 || f.SHA256 != ""
}

// inspect returns the facts of a stored file.
func inspect(ctx context.Context, out output.Output, name string) (content.Facts, error) {
	stored, err := out.Open(ctx, name)
	if err != nil {
		return content.Facts{}, err
	}
	facts, err := content.Inspect(stored)
	return facts, errors.Join(err, stored.Close())
}

// count returns the number of resources of a stored file; nil if it was not counted.
func (f *file) count() *int64 {
	if f.Stored.Lines < 0 {
		return nil
	}
	return &f.Stored.Lines
}

// counted returns a number of things, such as 1 file or 2 files.
func counted[N int | int64](n N, thing string) string { return english.Plural(int(n), thing, "") }

// sizeText returns a number of bytes for people.
func sizeText(bytes int64) string {
	size, unit := float64(bytes), ""
	for _, larger := range []string{"kB", "MB", "GB", "TB"} {
		if size < 1000 {
			break
		}
		size, unit = size/1000, larger
	}
	if unit == "" {
		return counted(bytes, "byte")
	}
	return fmt.Sprintf("%.1f %s", size, unit)
}
