package fetch

import (
	"context"
	"crypto/tls"
	"errors"
	"fmt"
	"io/fs"
	"net/http"

	"github.com/seed-90096f4d/sluice/fetch/login"
	"github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/quote"
	"github.com/seed-90096f4d/sluice/fetch/remote"
	"github.com/seed-90096f4d/sluice/fetch/retry"
)

// Kind classifies an error of a run; the command line has an exit code for each.
type Kind int

// The kinds of errors.
const (
	Local        Kind = iota // usage or local disk
	LoginRefused             // the server refuses the login
	Refused                  // the kick-off is refused
	Failed                   // the export failed or is gone
	Incomplete               // not everything is downloaded; a new run continues
	Unverified               // a file is not what the manifest says
	HasIssues                // all is stored, and the error files have issues
	TimedOut                 // Options.Timeout is over
)

// Error is an error of a run with its kind.
type Error struct {
	Kind Kind
	Err  error
}

func (e *Error) Error() string { return quote.Queries(e.Err.Error()) }
func (e *Error) Unwrap() error { return e.Err }

// fail returns an error of a kind.
func fail(kind Kind, format string, args ...any) error {
	return &Error{Kind: kind, Err: fmt.Errorf(format, args...)}
}

// reported returns an error of a kind whose cause was reported before: its text does not
// repeat it.
func reported(kind Kind, cause error, format string, args ...any) error {
	return &Error{Kind: kind, Err: &reportedError{fmt.Sprintf(format, args...), cause}}
}

// reportedError is an error with a text of its own.
type reportedError struct {
	text  string
	cause error
}

func (e *reportedError) Error() string { return e.text }
func (e *reportedError) Unwrap() error { return e.cause }

// errTimeout is the cause of a context after Options.Timeout.
var errTimeout = errors.New("the time for the whole run is over")

// classify returns the error of a run as an *Error, or as the cause of ctx if it was
// cancelled from outside.
func classify(ctx context.Context, err error) error {
	if err == nil {
		return nil
	}
	if cause := context.Cause(ctx); cause != nil {
		if errors.Is(cause, errTimeout) {
			return &Error{Kind: TimedOut, Err: cause}
		}
		return context.Cause(ctx)
	}
	return &Error{Kind: kindOf(err), Err: err}
}

// kindOf returns the kind of an error. What is not known is an error of the network or
// of the server, after which a new run continues.
func kindOf(err error) Kind {
	var known *Error
	var refused *remote.RefusedError
	var path *fs.PathError
	var certificate *tls.CertificateVerificationError
	var record tls.RecordHeaderError
	switch {
	case errors.As(err, &known):
		return known.Kind
	case errors.Is(err, output.ErrLocked), errors.Is(err, output.ErrLockLost):
		return Local
	case errors.Is(err, output.ErrChanged):
		return Unverified
	case errors.Is(err, login.ErrRefused):
		return LoginRefused
	case errors.As(err, &refused):
		if refused.Status == http.StatusUnauthorized {
			return LoginRefused
		}
		return Refused
	case errors.Is(err, remote.ErrGone), errors.Is(err, remote.ErrFailed):
		return Failed
	case !retry.IsTransient(0, err) && retry.IsUnknownHost(err):
		return Local // the name is probably misspelled
	case errors.As(err, &path), errors.As(err, &certificate), errors.As(err, &record), errors.Is(err, http.ErrSchemeMismatch):
		return Local // a file of the options, or certificates that this machine does not know
	case !retry.IsTransient(0, err):
		return Failed
	}
	return Incomplete
}

// asRefusedLogin marks an error of a request for the status or the manifest: only a refused
// login refuses these.
func asRefusedLogin(err error) error {
	var refused *remote.RefusedError
	if errors.As(err, &refused) {
		return fail(LoginRefused, "%w", err)
	}
	return err
}

// isFinal reports whether an error says that an export has failed, is gone or has changed.
func isFinal(err error) bool {
	var known *Error
	return errors.As(err, &known) && known.Kind == Failed || errors.Is(err, remote.ErrGone) || errors.Is(err, remote.ErrFailed)
}

// authorizer is a login. Errors that another attempt does not repair refuse it.
type authorizer struct{ *login.Login }

// Authorize sets the credentials of a request.
func (a authorizer) Authorize(ctx context.Context, r *http.Request) error {
	err := a.Login.Authorize(ctx, r)
	if err != nil && ctx.Err() == nil && kindOf(err) == Failed {
		return fail(LoginRefused, "%w", err)
	}
	return err
}
