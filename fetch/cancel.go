package fetch

import "context"

// Cancel deletes the exports of an unfinished run on the server, what was received of
// unfinished files, and the state. Files that are complete stay. Of the options, it uses
// Login, Connection, Output, RetryFor and Reporter.
func Cancel(ctx context.Context, o Options) error {
	return classify(ctx, cancelRun(ctx, o))
}

func cancelRun(ctx context.Context, o Options) error {
	ctx, unlock, err := o.Output.Lock(ctx)
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
	for _, x := range s.Exports {
		if err := r.server.Delete(ctx, x.StatusURL); err != nil {
			return err
		}
	}
	if err := r.discard(ctx, s); err != nil {
		return fail(Local, "remove unfinished files: %w", err)
	}
	return r.journal.remove(ctx)
}

// discard removes what was received of unfinished files.
func (r *run) discard(ctx context.Context, s *state) error {
	for _, x := range s.Exports {
		for _, f := range x.Files {
			if f.Stored != nil || f.Name == "" {
				continue
			}
			if err := r.Output.Discard(ctx, s.Folder+f.Name); err != nil {
				return err
			}
		}
	}
	if err := r.forgetMembers(ctx); err != nil {
		return err
	}
	return r.Output.Discard(ctx, s.Folder+logName)
}
