// Package quote makes texts of servers safe to show: one line of limited length, without
// credentials and without the queries of URLs, which may be signatures. It must not know
// what the texts are about.
package quote

import (
	"net/http"
	"net/url"
	"regexp"
	"strings"
	"unicode"
)

// Line returns a text in one line, without control characters, which a terminal would
// obey, and with at most a number of characters.
func Line(text string, limit int) string {
	text = strings.Map(func(r rune) rune {
		switch {
		case unicode.IsSpace(r):
			return ' '
		case unicode.IsPrint(r):
			return r
		}
		return -1
	}, strings.ToValidUTF8(text, ""))
	characters := []rune(strings.Join(strings.Fields(text), " "))
	if len(characters) > limit {
		return string(characters[:limit-1]) + "…"
	}
	return string(characters)
}

// minSecret is the length of a password from which it is hidden: shorter ones occur in
// words.
const minSecret = 4

// Hide returns the text of a response to a request without the credentials of the request.
// It is called before a text is shortened.
func Hide(text string, r *http.Request) string {
	if r == nil {
		return text
	}
	_, value, _ := strings.Cut(r.Header.Get("Authorization"), " ")
	secrets := []string{value}
	if _, password, ok := r.BasicAuth(); ok && len(password) >= minSecret {
		secrets = append(secrets, password)
	}
	return Without(text, secrets...)
}

// Without returns a text without secrets.
func Without(text string, secrets ...string) string {
	for _, secret := range secrets {
		if secret != "" {
			text = strings.ReplaceAll(text, secret, "***")
		}
	}
	return text
}

// queries matches the query of a URL in a text: any query of an absolute URL, and one with
// values of a path. A search such as Observation?status=final is left as it is.
var queries = regexp.MustCompile(`(https?://[^\s"'<>?]+)\?[^\s"'<>]+|([^\s"'<>?]*/[^\s"'<>?]*)\?[^\s"'<>]*=[^\s"'<>]*`)

// Queries returns a text without the queries of its URLs.
func Queries(text string) string { return queries.ReplaceAllString(text, "$1$2?…") }

// URL returns a URL without the parts that may be secret: user, query and fragment.
func URL(u *url.URL) string {
	return (&url.URL{Scheme: u.Scheme, Host: u.Host, Path: u.Path, RawPath: u.RawPath}).String()
}
