package fetch

import (
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"time"

	"github.com/dustin/go-humanize/english"

	"github.com/seed-90096f4d/sluice/fetch/content"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
)

// The end of a run has durable steps in this order:
//
//  1. deleted.txt is written. Until the next step the run is unfinished: the next call
//     writes the list again, and a run that is discarded removes it before its files.
//  2. The state is stored with the mark Completed, which has what the other steps write.
//     From here on, the next call and fetch cancel only repeat the steps that follow: they
//     ask the server for no file, and remove none.
//  3. manifest.json is written, the mark of completeness for others.
//  4. chain.json is written: the chain advances, or keeps its place because of issues.
//  5. The list of members that chain.json no longer names is removed.
//  6. The exports are deleted on the server.
//  7. The log is published.
//  8. The state is removed.
//
// Each step can be repeated, so that the process may be killed between any two of them.

// complete takes the first two steps.
func (r *run) complete(ctx context.Context) error {
	var s *state
	r.journal.read(func(current *state) { s = current }) // nothing else changes it any more
	done := &completion{}
	if !r.Output.Sequential() {
		var err error
		if done.Deleted, err = r.listDeletions(ctx, s); err != nil {
			return err
		}
		if err := r.readIssues(ctx, s); err != nil {
			return err
		}
	}
	r.issues.Each(func(issue content.Issue, n int64) {
		done.Issues = append(done.Issues, IssueCount{Severity: issue.Severity, Text: issue.Text, Count: n})
	})
	if r.chain != nil {
		done.Link, done.Unused = r.nextLink(s, r.FailOn.refuses(done.Issues) != nil)
	}
	r.journal.update(func(s *state) { s.Completed = done })
	return r.journal.save(ctx)
}

// finish takes the steps that follow the mark of a complete run.
func (r *run) finish(ctx context.Context) (Result, error) {
	result, err := r.publish(ctx)
	if err != nil {
		return Result{}, err
	}
	if !r.Keep {
		if err := r.deleteExports(ctx); ctx.Err() != nil {
			return Result{}, context.Cause(ctx)
		} else if err != nil { // no failure of the run: all files are stored
			r.events.warn("the export could not be deleted on the server: %s", err)
		}
	}
	if err := r.forget(ctx, result); err != nil {
		return Result{}, err
	}
	return result, r.FailOn.refuses(result.Issues)
}

// publish takes the steps from manifest.json to the lists of members.
func (r *run) publish(ctx context.Context) (Result, error) {
	var s *state
	r.journal.read(func(current *state) { s = current }) // nothing else changes it any more
	result := s.result()
	if r.Output.Sequential() {
		return result, nil
	}
	taken, err := r.isTaken(ctx, s)
	if err != nil {
		return Result{}, err
	}
	if !taken {
		if err := r.describe(ctx, s); err != nil {
			return Result{}, err
		}
	}
	return result, r.removeMembers(ctx, s.Completed.Unused)
}

// describe writes manifest.json and chain.json.
func (r *run) describe(ctx context.Context, s *state) error {
	if err := r.events.open(ctx, s.Folder, r.resumed); err != nil {
		return err
	}
	if err := r.writeManifest(ctx, s); err != nil {
		return err
	}
	return r.writeLink(ctx, s.Completed.Link)
}

// isTaken reports whether the run is in its chain already and its folder was removed since,
// by someone who has loaded it. Nothing is written there again.
func (r *run) isTaken(ctx context.Context, s *state) (bool, error) {
	link := s.Completed.Link
	if link == nil {
		return false, nil
	}
	document, err := readChains(ctx, r.Output)
	if err != nil {
		return false, err
	}
	if !slices.ContainsFunc(document.Chains, func(l *chainLink) bool { return l.Key == link.Key && slices.Contains(l.folders(), s.Folder) }) {
		return false, nil
	}
	_, err = r.Output.ReadDocument(ctx, s.Folder+manifestName)
	if errors.Is(err, output.ErrNotExist) {
		return true, nil
	}
	if err != nil {
		return false, fail(Local, "read %s: %w", s.Folder+manifestName, err)
	}
	return false, nil
}

// forget takes the last two steps.
func (r *run) forget(ctx context.Context, result Result) error {
	r.reportComplete(result)
	if err := r.events.close(ctx); err != nil {
		return err
	}
	return r.journal.remove(ctx)
}

// result returns the result of a complete run.
func (s *state) result() Result {
	result := Result{Folder: s.Folder, TransactionTime: s.export(roleMain).TransactionTime, Deleted: s.Completed.Deleted, Issues: s.Completed.Issues}
	for _, x := range s.Exports {
		for _, f := range x.Files {
			if f.Name == "" {
				continue
			}
			result.Files++
			if n := f.count(); n != nil && f.Section == remote.Output {
				result.Resources += *n
			}
			result.Bytes += f.Stored.Bytes
		}
	}
	return result
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

// deleteExports deletes the exports of the run on the server, and returns the first error.
func (r *run) deleteExports(ctx context.Context) error {
	if err := r.connect(ctx); err != nil {
		return err
	}
	var exports []*export
	r.journal.read(func(s *state) { exports = s.Exports })
	var failed error
	for _, x := range exports {
		if err := r.server.Delete(ctx, x.StatusURL); failed == nil {
			failed = err
		}
	}
	return failed
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
