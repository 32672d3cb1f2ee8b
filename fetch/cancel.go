package fetch

import "context"

// Cancel deletes the exports of an unfinished run on the server, the files that it has
// stored, and the state. Of the options, it uses Login, Connection, Output, RetryFor and
// Reporter.
func Cancel(ctx context.Context, o Options) error {
	return classify(ctx, cancelRun(ctx, o))
}

func cancelRun(ctx context.Context, o Options) error {
	ctx, unlock, err := o.Output.Lock(ctx, o.warn)
	if err != nil {
		return fail(Local, "%s: %w", o.Output, err)
	}
	defer unlock()
	s, err := loadState(ctx, o.Output)
	if err != nil {
		return err
	}
	if s == nil {
		return fail(Local, "%s has no unfinished run", o.Output)
	}
	r := &run{Options: o}
	if err := r.resume(s); err != nil {
		return err
	}
	r.setState(s)
	if err := r.connect(ctx); err != nil {
		return err
	}
	return r.abandon(ctx)
}

// abandon deletes the exports of an unfinished run on the server, the files that it has
// stored, and the state.
func (r *run) abandon(ctx context.Context) error {
	s := r.journal.state
	for _, x := range s.Exports {
		if err := r.server.Delete(ctx, x.StatusURL); err != nil {
			return err
		}
	}
	if err := r.discard(ctx, s); err != nil {
		return fail(Local, "remove files: %w", err)
	}
	return r.journal.remove(ctx)
}

// discard removes what the run has stored: files that no manifest lists would be mixed up
// with those of a later run.
func (r *run) discard(ctx context.Context, s *state) error {
	for _, x := range s.Exports {
		for _, f := range x.Files {
			if err := r.discardFile(ctx, s.Folder, f); err != nil {
				return err
			}
		}
	}
	if err := r.forgetMembers(ctx); err != nil {
		return err
	}
	if err := r.Output.RemoveDocument(ctx, s.Folder+logName); err != nil {
		return err
	}
	return r.Output.Discard(ctx, s.Folder+logName)
}

// discardFile removes a file or what was received of it. One that is not marked as stored
// may have been published just before a run was killed.
func (r *run) discardFile(ctx context.Context, folder string, f *file) error {
	switch {
	case f.Name == "":
		return nil
	case f.Stored != nil:
		return r.Output.RemoveDocument(ctx, folder+f.Stored.Name)
	}
	for _, name := range f.finalNames() {
		if err := r.Output.RemoveDocument(ctx, folder+name); err != nil {
			return err
		}
	}
	return r.Output.Discard(ctx, folder+f.Name)
}
