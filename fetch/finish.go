package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/seed-90096f4d/sluice/fetch/content"
	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// finish completes a run whose files are all stored. Each step can be repeated if the
// process ends before the last, which removes the state.
func (r *run) finish(ctx context.Context) (Result, error) {
	result, err := r.complete(ctx)
	if err != nil {
		return Result{}, err
	}
	refused := r.FailOn.refuses(result.Issues)
	advance := r.advanceChain
	if refused != nil {
		advance = r.refuseRun
	}
	if err := advance(ctx); err != nil {
		return Result{}, err
	}
	// A later call must know that it needs nothing more from the server.
	if err := r.journal.save(ctx); err != nil {
		return Result{}, err
	}
	r.deleteExports(ctx)
	r.reportComplete(result)
	if err := errors.Join(r.events.close(ctx), r.journal.remove(ctx)); err != nil {
		return Result{}, err
	}
	return result, refused
}

// complete stores what is made from the files, and the manifest last.
func (r *run) complete(ctx context.Context) (Result, error) {
	var s *state
	r.journal.read(func(current *state) { s = current }) // nothing changes it any more
	result := Result{Folder: s.Folder, TransactionTime: s.export(roleMain).TransactionTime}
	for _, x := range s.Exports {
		for _, f := range x.Files {
			if f.Name != "" {
				result.Files++
				if n := f.count(); n != nil && f.Section == remote.Output {
					result.Resources += *n
				}
				result.Bytes += f.Stored.Bytes
			}
		}
	}
	if !r.Output.Sequential() {
		var err error
		if result.Deleted, err = r.listDeletions(ctx, s); err != nil {
			return Result{}, err
		}
		if err := r.readIssues(ctx, s); err != nil {
			return Result{}, err
		}
		if err := r.writeManifest(ctx, s); err != nil {
			return Result{}, err
		}
	}
	r.issues.Each(func(issue content.Issue, n int64) {
		result.Issues = append(result.Issues, IssueCount{Severity: issue.Severity, Text: issue.Text, Count: n})
	})
	return result, nil
}

// each calls do with the content of each stored file of a section.
func (r *run) each(ctx context.Context, s *state, section remote.Section, do func(*file, io.Reader) error) error {
	for _, x := range s.Exports {
		for _, f := range x.Files {
			if f.Section != section || f.Name == "" {
				continue
			}
			stored, err := r.Output.Open(ctx, s.Folder+f.Stored.Name)
			if err != nil {
				return fail(Local, "read %s: %w", f.Stored.Name, err)
			}
			if err := errors.Join(do(f, stored), stored.Close()); err != nil {
				return err
			}
		}
	}
	return nil
}

// listDeletions writes the list of deleted resources and returns their number.
func (r *run) listDeletions(ctx context.Context, s *state) (deleted int64, err error) {
	if r.Deleted != DeletedList {
		return 0, nil
	}
	err = writeFile(ctx, r.Output, s.Folder+deletionsName, func(w io.Writer) error {
		deleted = 0
		return r.each(ctx, s, remote.Deleted, func(f *file, stored io.Reader) error {
			var writing error
			skipped, err := content.Deletions(stored, func(reference string) error {
				deleted++
				_, writing = io.WriteString(w, reference+"\n")
				return writing
			})
			if skipped > 0 {
				r.events.warn("%s: %s without a deletion of a resource by its id, not in %s", f.Stored.Name, english.Plural(int(skipped), "entry", "entries"), deletionsName)
			}
			if err != nil && writing == nil { // the server's mistake
				r.issues.Count(unreadable(f), 1)
			}
			return writing
		})
	})
	if err != nil {
		return 0, fail(Local, "write %s: %w", deletionsName, err)
	}
	return deleted, nil
}

// readIssues adds up the issues of the error files.
func (r *run) readIssues(ctx context.Context, s *state) error {
	return r.each(ctx, s, remote.Errors, func(f *file, stored io.Reader) error {
		if err := r.issues.Read(stored); err != nil {
			r.issues.Count(unreadable(f), 1)
		}
		return ctx.Err()
	})
}

// unreadable is the issue of a file whose content is not what its section says.
func unreadable(f *file) content.Issue {
	return content.Issue{Severity: "error", Text: fmt.Sprintf("%s cannot be read as %ss", f.Name, types[f.Section])}
}

// refuses returns the error of a run with issues; nil if they are accepted.
func (o FailOn) refuses(issues []IssueCount) error {
	limit := content.Error
	switch o {
	case FailOnNever:
		return nil
	case FailOnWarning:
		limit = content.Warning
	case FailOnError:
	}
	var n int64
	for _, issue := range issues {
		if content.Rank(issue.Severity) >= limit {
			n += issue.Count
		}
	}
	if n == 0 {
		return nil
	}
	return fail(HasIssues, "the server reports %s, the first: %s: %s", counted(n, "issue"), issues[0].Severity, issues[0].Text)
}

// deleteExports deletes the exports on the server. All files are stored, so that a failure
// is no failure of the run.
func (r *run) deleteExports(ctx context.Context) {
	if r.Keep {
		return
	}
	var exports []*export
	r.journal.read(func(s *state) { exports = s.Exports })
	for _, x := range exports {
		if err := r.server.Delete(ctx, x.StatusURL); err != nil {
			r.events.warn("the export could not be deleted on the server: %s", err)
		}
	}
}

// reportComplete reports the end of the run.
func (r *run) reportComplete(result Result) {
	var started time.Time
	r.journal.read(func(s *state) { started = s.Started })
	r.events.emit(EventExportComplete, map[string]any{
		"files": result.Files, "resources": result.Resources, "bytes": result.Bytes, "attachments": nil,
		"duration": time.Since(started).Milliseconds(),
	}, "")
}
