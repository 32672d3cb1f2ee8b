package fetch

import (
	"context"
	"errors"

	"github.com/seed-90096f4d/sluice/fetch/output"
)

// Cancel ends an unfinished run. It deletes the exports on the server, the files that were
// stored, and the state. If all files are stored already, the run is complete: its files are
// kept, and its last steps are taken before the exports and the state are deleted. Of the
// options, Cancel uses Login, Connection, Output, RetryFor and Reporter.
func Cancel(ctx context.Context, o Options) (complete bool, err error) {
	complete, err = cancelRun(ctx, o)
	return complete, classify(ctx, err)
}

func cancelRun(ctx context.Context, o Options) (complete bool, err error) {
	ctx, unlock, err := o.Output.Lock(ctx, o.warn)
	if err != nil {
		return false, fail(Local, "%s: %w", o.Output, err)
	}
	defer unlock()
	s, err := loadState(ctx, o.Output)
	if err != nil {
		return false, err
	}
	if s == nil {
		return false, fail(Local, "%s has no unfinished run", o.Output)
	}
	r := &run{Options: o}
	if err := r.resume(s); err != nil {
		return false, err
	}
	r.setState(s)
	defer func() { err = errors.Join(err, r.close(ctx)) }()
	if s.Completed == nil {
		return false, r.abandon(ctx)
	}
	result, err := r.publish(ctx)
	if err != nil {
		return false, err
	}
	if err := r.deleteExports(ctx); err != nil {
		return false, err
	}
	return true, r.forget(ctx, result)
}

// abandon deletes the exports of an unfinished run on the server, the files that it has
// stored, and the state.
func (r *run) abandon(ctx context.Context) error {
	if err := r.deleteExports(ctx); err != nil {
		return err
	}
	// A call after a kill must not take a file for stored that is removed.
	r.journal.update(func(s *state) { s.Discarding = true })
	if err := r.journal.save(ctx); err != nil {
		return err
	}
	if err := discard(ctx, r.Output, r.journal.state); err != nil {
		return err
	}
	return r.journal.remove(ctx)
}

// discardLost removes what the run has stored that this one replaces.
func (r *run) discardLost(ctx context.Context) error {
	var lost *state
	r.journal.read(func(s *state) { lost = s.Lost })
	if lost == nil {
		return nil
	}
	if err := discard(ctx, r.Output, lost); err != nil {
		return err
	}
	r.journal.update(func(s *state) { s.Lost = nil })
	return r.journal.save(ctx)
}

// discard removes what a run has stored: files that no manifest lists would be mixed up
// with those of a later run. What says that the files are complete is removed first.
func discard(ctx context.Context, out output.Output, s *state) error {
	if s.Lost != nil {
		if err := discard(ctx, out, s.Lost); err != nil {
			return err
		}
	}
	for _, name := range s.names() {
		if err := remove(ctx, out, s.Folder+name); err != nil {
			return err
		}
	}
	if s.Members == "" {
		return nil
	}
	return remove(ctx, out, s.Members)
}

// names returns the names that the files of a run may have in its folder, in the order in
// which they are removed. A run of a chain has none until its folder is chosen.
func (s *state) names() []string {
	if s.SinceAuto && s.Folder == "" {
		return nil
	}
	names := []string{manifestName, deletionsName}
	for _, x := range s.Exports {
		for _, f := range x.Files {
			if f.Name != "" {
				names = append(names, f.finalNames()...)
			}
		}
	}
	return append(names, logName)
}

// remove removes a file, and what was received of it.
func remove(ctx context.Context, out output.Output, name string) error {
	if err := errors.Join(out.RemoveDocument(ctx, name), out.Discard(ctx, name)); err != nil {
		return fail(Local, "remove %s: %w", name, err)
	}
	return nil
}
