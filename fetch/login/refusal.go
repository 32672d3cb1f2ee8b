package login

import (
	"cmp"
	"fmt"
	"net/http"
	"strings"
	"time"
	"unicode"
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
	text := fmt.Sprintf("%v: %s", ErrRefused, cmp.Or(trim(hide(said.Error, secrets)), "HTTP status "+trim(got.statusText)))
	if description := trim(hide(said.Description, secrets)); description != "" {
		text += ": " + description
	}
	return &oauthError{code: said.Error, text: text + clockHint(got.header)}
}

// hide returns a server's text without secrets that it quotes.
func hide(text string, secrets []string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
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

// trim returns the beginning of a server's text on one line.
func trim(text string) string {
	text = strings.Join(strings.FieldsFunc(text, func(r rune) bool { return unicode.IsSpace(r) || !unicode.IsPrint(r) }), " ")
	if short := []rune(text); len(short) > maxText {
		return string(short[:maxText]) + "…"
	}
	return text
}
