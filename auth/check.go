package auth

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxID = 128

	// minSecret guards against an empty variable in a script, not against a
	// weak secret: NewSecret makes good ones.
	minSecret = 6
	maxSecret = 1024
)

// checkClient checks what a client is to be made of, and returns its scopes. No
// error holds the secret.
func checkClient(id, secret string, scopes []string) (Scopes, error) {
	switch {
	case !validID(id):
		return Scopes{}, fmt.Errorf("%w: an id is 1 to %d visible ASCII characters without a colon", ErrInvalidClient, maxID)
	case len(secret) < minSecret || len(secret) > maxSecret:
		return Scopes{}, fmt.Errorf("%w: a secret is %d to %d bytes long", ErrInvalidClient, minSecret, maxSecret)
	case !utf8.ValidString(secret) || strings.ContainsFunc(secret, unicode.IsControl):
		return Scopes{}, fmt.Errorf("%w: a secret is UTF-8 without control characters", ErrInvalidClient)
	}

	parsed, err := ParseScopes(scopes)
	if err != nil {
		return Scopes{}, err
	}
	if !parsed.allowsAny() {
		return Scopes{}, fmt.Errorf("%w: its scopes allow no resource type to be taken; that needs r and s, as in system/*.rs", ErrInvalidClient)
	}
	return parsed, nil
}

// validID reports whether an id can be a client's. HTTP Basic parts id and
// secret at the first colon and forbids control characters (RFC 7617, 2), and
// clients disagree on how to send what is not ASCII.
func validID(id string) bool {
	strange := func(r rune) bool { return r <= ' ' || r > '~' || r == ':' }
	return id != "" && len(id) <= maxID && !strings.ContainsFunc(id, strange)
}
