package fetch

import (
	"cmp"
	"context"
	"errors"
	"math"
	"net/http"
	"net/url"
	"strings"
	"sync/atomic"
	"time"

	"golang.org/x/sync/errgroup"
	"golang.org/x/time/rate"

	"github.com/seed-90096f4d/sluice/fetch/content"
	"github.com/seed-90096f4d/sluice/fetch/login"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/schedule"
)

// run is one call of Run. Over several calls, the state continues.
type run struct {
	Options
	journal *journal
	events  *events
	// resumed reports that the run continues an earlier one.
	resumed bool

	client *http.Client
	login  *login.Login
	server *remote.Server

	chain   *chain // nil unless SinceAuto
	namer   *namer
	limiter *schedule.Limiter
	totals  *totals
	issues  content.Issues // of the error files
	// received is when the last byte of any file was received, in Unix nanoseconds.
	received atomic.Int64
}

// Run fetches an export, or continues the one whose state is in the output. Errors are an
// *Error, or the cause of ctx.
func Run(ctx context.Context, o Options) (Result, error) {
	if o.Timeout > 0 {
		var cancel context.CancelFunc
		ctx, cancel = context.WithTimeoutCause(ctx, o.Timeout, errTimeout)
		defer cancel()
	}
	result, err := lockedRun(ctx, o)
	return result, classify(ctx, err)
}

// lockedRun excludes other runs.
func lockedRun(ctx context.Context, o Options) (result Result, err error) {
	held, unlock, err := o.Output.Lock(ctx, o.warn)
	if err != nil {
		return Result{}, fail(Local, "%s: %w", o.Output, err)
	}
	defer unlock()
	r := newRun(o)
	if err := r.load(held); err != nil {
		return Result{}, err
	}
	result, err = r.do(held)
	if !r.isLost(err) {
		return result, err
	}
	r.events.warn("%s; beginning this run of the chain again", err)
	if err := r.deleteExports(held); err != nil { // some servers allow only one
		r.events.warn("the export could not be deleted on the server: %s", err)
	}
	again := newRun(o)
	if err := again.replace(r.journal.state); err != nil {
		return Result{}, err
	}
	return again.do(held)
}

// do takes the steps of a run that are still to be taken.
func (r *run) do(ctx context.Context) (result Result, err error) {
	defer func() { err = errors.Join(err, r.close(ctx)) }()
	if r.journal.state.Completed == nil {
		if err := r.connect(ctx); err != nil {
			return Result{}, err
		}
		if err := r.receiveAll(ctx); err != nil {
			return Result{}, err
		}
		if err := r.complete(ctx); err != nil {
			return Result{}, err
		}
	}
	return r.finish(ctx)
}

// isLost reports whether an error ends a run of a chain that an earlier call has begun:
// its export is gone, for example because it has expired. The chain has not moved, so that
// a run which begins again misses nothing.
func (r *run) isLost(err error) bool {
	return r.resumed && r.SinceAuto && r.journal.state.Completed == nil && isFinal(err)
}

// newRun returns a run without a state.
func newRun(o Options) *run {
	o.BaseURL = strings.TrimRight(o.BaseURL, "/")
	o.Parallel = max(o.Parallel, 1)
	if o.Output.Sequential() {
		o.Parallel, o.Transfer.Plain = 1, true
	}
	if o.BytesPerSecond > 0 {
		o.Transfer.Limit = rate.NewLimiter(rate.Limit(o.BytesPerSecond), int(min(max(o.BytesPerSecond, minBurst), math.MaxInt32)))
	}
	o.Transfer.RetryFor = o.RetryFor
	r := &run{Options: o, limiter: schedule.NewLimiter(o.Parallel), totals: &totals{reporter: o.Reporter}}
	r.received.Store(time.Now().UnixNano())
	return r
}

// load loads the state or begins a new one.
func (r *run) load(ctx context.Context) error {
	s, err := loadState(ctx, r.Output)
	if s != nil && s.Discarding { // fetch cancel was killed
		r.setState(s)
		s, err = nil, errors.Join(discard(ctx, r.Output, s), r.journal.remove(ctx))
	}
	switch {
	case err != nil:
		return err
	case s != nil:
		err = r.resume(s)
	default:
		r.Deleted, r.FailOn = cmp.Or(r.Deleted, DeletedKeep), cmp.Or(r.FailOn, FailOnError)
		s, err = r.begin(ctx)
	}
	if err != nil {
		return err
	}
	r.setState(s)
	return r.discardLost(ctx)
}

// replace begins a run with the options of one whose export was lost. What that one has
// stored is removed when the server has accepted the kick-off of this one.
func (r *run) replace(lost *state) error {
	if err := r.resume(lost); err != nil {
		return err
	}
	r.resumed, r.StatusURL = false, ""
	s := newState(&r.Options)
	s.Lost = lost
	r.setState(s)
	return nil
}

// setState makes a state the one of the run.
func (r *run) setState(s *state) {
	r.journal = &journal{output: r.Output, state: s}
	r.events = &events{output: r.Output, reporter: r.Reporter, journal: r.journal}
	r.namer = newNamer(r.ServerNames, s.Exports)
}

// minBurst is what a download may receive at once, even with a low limit of the rate.
const minBurst = 256 << 10

// loadState returns the state in an output, or nil.
func loadState(ctx context.Context, out output.Output) (*state, error) {
	stored, err := out.ReadDocument(ctx, stateName)
	if errors.Is(err, output.ErrNotExist) {
		return nil, nil
	}
	if err != nil {
		return nil, fail(Local, "read the state: %w", err)
	}
	return parseState(stored, out)
}

// resume makes the run continue a state.
func (r *run) resume(s *state) error {
	different, err := s.differs(&r.Options)
	if err != nil {
		return err
	}
	if different != "" {
		return fail(Local, "%s has an unfinished run with another %s: continue that one, delete it with \"fetch cancel\", or use another output", r.Output, different)
	}
	r.resumed = true
	r.BaseURL, r.Request, r.SinceAuto, r.NewMembers = s.BaseURL, s.Request, s.SinceAuto, s.NewMembers
	r.Deleted, r.FailOn, r.Keep, r.ServerNames, r.Transfer.Plain = s.Deleted, s.FailOn, s.Keep, s.ServerNames, s.Plain
	if main := s.export(roleMain); main != nil {
		r.StatusURL = main.StatusURL
	}
	for _, x := range s.Exports {
		for _, f := range x.Files {
			f.earlier = true
		}
	}
	return nil
}

// begin checks the options of a new run and returns its state.
func (r *run) begin(ctx context.Context) (*state, error) {
	if r.BaseURL == "" && r.StatusURL == "" {
		return nil, fail(Local, "%s has no unfinished run", r.Output)
	}
	if r.StatusURL != "" && r.SinceAuto {
		return nil, fail(Local, "an export that was started by other means cannot continue a chain: nothing says what it has")
	}
	if r.Output.Sequential() && r.SinceAuto {
		return nil, fail(Local, "a chain of copies (--since auto) needs a directory or bucket")
	}
	if r.Output.Sequential() && r.Request.Since != "" && r.Deleted != DeletedDrop {
		return nil, fail(Local, "%s has no place for deletions: fetch into a directory or bucket, or drop them (--deleted drop)", r.Output)
	}
	if r.NewMembers && (!r.SinceAuto || r.Request.Level != remote.Group || len(r.Request.Patients) > 0) {
		return nil, fail(Local, "new members can be fetched only for a whole Group, in a chain of runs")
	}
	if err := r.checkUnused(ctx); err != nil {
		return nil, err
	}
	return newState(&r.Options), nil
}

// checkUnused returns an error if the output has a complete copy, or the chains of copies
// that are made otherwise.
func (r *run) checkUnused(ctx context.Context) error {
	if r.Output.Sequential() {
		return nil
	}
	names := []string{manifestName, chainName}
	if r.SinceAuto {
		names = names[:1]
	}
	for _, name := range names {
		_, err := r.Output.ReadDocument(ctx, name)
		switch {
		case err == nil && name == chainName:
			return fail(Local, "%s has a chain of copies (%s): continue it with --since auto, or use another output", r.Output, name)
		case err == nil:
			return fail(Local, "%s has a complete export already (%s): use another output", r.Output, name)
		case !errors.Is(err, output.ErrNotExist):
			return fail(Local, "read %s: %w", name, err)
		}
	}
	return nil
}

// receiveAll runs all exports of the run until their files are stored.
func (r *run) receiveAll(ctx context.Context) error {
	if err := r.openChain(ctx); err != nil {
		return err
	}
	work, ctx := errgroup.WithContext(ctx)
	keeping, stop := context.WithCancel(ctx)
	work.Go(func() error { return r.journal.keep(keeping) })
	work.Go(func() error {
		defer stop()
		if err := r.receiveMembers(ctx); err != nil {
			return err
		}
		if err := r.receive(ctx, roleMain, r.mainRequest(), r.issueSink()); err != nil {
			return err
		}
		return r.receiveJoined(ctx)
	})
	return work.Wait()
}

// connect logs in, unless the run has done so.
func (r *run) connect(ctx context.Context) error {
	if r.server != nil {
		return nil
	}
	base, err := r.base()
	if err != nil {
		return err
	}
	if r.client, err = remote.Client(r.Connection); err != nil {
		return fail(Local, "%w", err)
	}
	warn := func(text string) { r.events.warn("%s", text) }
	r.Login.Types, r.Login.Warn, r.Login.RetryFor = r.Request.Types, warn, r.RetryFor
	if r.login, err = login.New(ctx, r.client, base, r.Login); err != nil {
		if kindOf(err) == Failed { // the options are wrong, or do not fit the server
			return fail(Local, "%w", err)
		}
		return err
	}
	limits := remote.Limits{PollMax: r.PollMax, KickOffWait: r.KickOffWait, RetryFor: r.RetryFor}
	r.server = remote.New(r.client, base, authorizer{r.login}, limits, warn)
	return nil
}

// base returns the base URL. It defaults to the host of the status URL, for an export that
// was started by other means.
func (r *run) base() (*url.URL, error) {
	text := r.BaseURL
	if text == "" {
		status, err := url.Parse(r.StatusURL)
		if err != nil {
			return nil, fail(Local, "invalid status URL")
		}
		text = (&url.URL{Scheme: status.Scheme, Host: status.Host}).String()
	}
	base, err := url.Parse(text)
	if err != nil || base.Host == "" || base.Scheme != "https" && base.Scheme != "http" {
		return nil, fail(Local, "the URL of a server must begin with https:// or http://")
	}
	return base, nil
}

// leaveTimeout limits the deletion of an export that no later call can continue.
const leaveTimeout = 10 * time.Second

// leave deletes the export of a run that failed if its output has no state: no later call
// can continue it, and some servers allow only one export at a time.
func (r *run) leave(ctx context.Context) {
	if !r.Output.Sequential() || r.journal.removed || r.StatusURL != "" || r.server == nil {
		return
	}
	var begun bool
	r.journal.read(func(s *state) { begun = len(s.Exports) > 0 })
	if !begun {
		return
	}
	ctx, cancel := context.WithTimeoutCause(ctx, leaveTimeout, errors.New("the server does not respond"))
	defer cancel()
	r.events.emit(EventProgress, map[string]any{"body": nil, "xProgress": nil, "retryAfter": nil}, "deleting the export on the server")
	if err := r.deleteExports(ctx); err != nil {
		r.events.warn("the export could not be deleted on the server: %s", err)
	}
}

// close stores what a later call needs, even after an interruption.
func (r *run) close(ctx context.Context) error {
	if r.client != nil {
		r.client.CloseIdleConnections()
	}
	if errors.Is(context.Cause(ctx), output.ErrLockLost) {
		return nil // another run may have begun
	}
	ctx = context.WithoutCancel(ctx)
	r.leave(ctx)
	var begun bool
	r.journal.read(func(s *state) { begun = len(s.Exports) > 0 })
	if !begun {
		return r.events.close(ctx)
	}
	return errors.Join(r.journal.save(ctx), r.events.close(ctx))
}
