package login

import (
	"cmp"
	"fmt"
	"net/http"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/quote"
)

const (
	// maxText is the maximum length of what is shown of a server's text.
	maxText = 300

	// clockTolerance is a difference of clocks that no server should mind.
	clockTolerance = time.Minute
)

// oauthError is an error response of a token endpoint (RFC 6749, 5.2).
type oauthError struct {
	code string // may be empty
	text string
}

func (e *oauthError) Error() string { return e.text }

// Unwrap returns ErrRefused; text already contains its message.
func (e *oauthError) Unwrap() error { return ErrRefused }

func newOAuthError(got answer, said tokenAnswer, secrets []string) *oauthError {
	text := fmt.Sprintf("%v: %s", ErrRefused, cmp.Or(quote.Line(quote.Without(said.Error, secrets...), maxText), "HTTP status "+quote.Line(got.statusText, maxText)))
	if description := quote.Line(quote.Without(said.Description, secrets...), maxText); description != "" {
		text += ": " + description
	}
	return &oauthError{code: said.Error, text: text + clockHint(got.header)}
}

// clockHint returns a hint if the clocks differ: a common reason to refuse an assertion.
func clockHint(header http.Header) string {
	theirs, err := http.ParseTime(header.Get("Date"))
	if err != nil {
		return ""
	}
	switch ahead := time.Since(theirs).Round(time.Second); {
	case ahead > clockTolerance:
		return fmt.Sprintf(" (the clock of this machine is %s ahead of the server's)", ahead)
	case ahead < -clockTolerance:
		return fmt.Sprintf(" (the clock of this machine is %s behind the server's)", -ahead)
	}
	return ""
}
