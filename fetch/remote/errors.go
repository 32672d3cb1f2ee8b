package remote

import (
	"errors"
	"fmt"
	"strings"
	"time"
)

// RefusedError is the answer to a request that the server refuses: a kick-off, or any
// other request whose credentials are rejected (401, 403).
type RefusedError struct {
	Status int
	// Issues are the issues of the OperationOutcome as sentences, or the beginning of the
	// body.
	Issues []string
	// Wait is how long the server asks to wait before the request is repeated, and 0 if
	// it does not say.
	Wait time.Duration
}

func (e *RefusedError) Error() string {
	text := fmt.Sprintf("the server refuses the request with status %d", e.Status)
	if e.Wait > 0 {
		text += fmt.Sprintf(" and asks to wait for %s", e.Wait)
	}
	return withIssues(text, e.Issues)
}

// ErrGone is the error if the server does not know the export (404, 410), and ErrFailed
// if it reports that the export failed.
var (
	ErrGone   = errors.New("the server does not know the export")
	ErrFailed = errors.New("the export failed on the server")

	errRejected = errors.New("the server rejects the request for the moment")
)

// withStatus adds the status and the issues of a response to an error.
func withStatus(err error, status int, issues []string) error {
	return fmt.Errorf("%w%s", err, withIssues(fmt.Sprintf(" (status %d)", status), issues))
}

// withIssues appends the issues of a response to a text.
func withIssues(text string, issues []string) string {
	if len(issues) == 0 {
		return text
	}
	return text + ": " + strings.Join(issues, "; ")
}

// doubtfulError is an error that is temporary at first, and final if it occurs several
// times in a row.
type doubtfulError struct{ err, final error }

func (e *doubtfulError) Error() string { return e.err.Error() }
func (e *doubtfulError) Unwrap() error { return e.err }
