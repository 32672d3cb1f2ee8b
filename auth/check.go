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

	// maxGroups and maxGroupID bound what a client can be restricted to; the
	// latter is FHIR's bound on an id.
	maxGroups  = 1000
	maxGroupID = 64
)

// check checks what a client is to be made of, and returns its scopes. No error
// holds the secret.
func (r Registration) check() (Scopes, error) {
	if !validID(r.ID) {
		return Scopes{}, fmt.Errorf("%w: an id is 1 to %d visible ASCII characters without a colon", ErrInvalidClient, maxID)
	}
	if r.Secret == "" && len(r.Keys.JWKS) == 0 && r.Keys.URL == "" {
		return Scopes{}, fmt.Errorf("%w: it needs a secret or keys", ErrInvalidClient)
	}
	if r.Secret != "" {
		if err := checkSecret(r.Secret); err != nil {
			return Scopes{}, err
		}
	}
	if r.SecretLife < 0 {
		return Scopes{}, fmt.Errorf("%w: a secret can't have expired before it is made", ErrInvalidClient)
	}
	if err := r.Keys.check(); err != nil {
		return Scopes{}, err
	}
	if err := checkGroups(r.Groups); err != nil {
		return Scopes{}, err
	}
	return checkScopes(r.Scopes)
}

func checkSecret(secret string) error {
	switch {
	case len(secret) < minSecret || len(secret) > maxSecret:
		return fmt.Errorf("%w: a secret is %d to %d bytes long", ErrInvalidClient, minSecret, maxSecret)
	case !utf8.ValidString(secret) || strings.ContainsFunc(secret, unicode.IsControl):
		return fmt.Errorf("%w: a secret is UTF-8 without control characters", ErrInvalidClient)
	}
	return nil
}

// check checks the keys, of which there may be none.
func (k Keys) check() error {
	if len(k.JWKS) > 0 {
		if _, err := parseKeys(k.JWKS); err != nil {
			return fmt.Errorf("%w: its JWK Set: %w", ErrInvalidClient, err)
		}
	}
	if k.URL != "" {
		if err := checkKeysURL(k.URL, k.Anywhere); err != nil {
			return fmt.Errorf("%w: the address of its JWK Set: %w", ErrInvalidClient, err)
		}
	}
	return nil
}

func checkGroups(groups []string) error {
	if len(groups) > maxGroups {
		return fmt.Errorf("%w: it can be restricted to %d Groups at most", ErrInvalidClient, maxGroups)
	}
	for _, id := range groups {
		if id == "" || len(id) > maxGroupID || strings.ContainsFunc(id, strange) {
			return fmt.Errorf("%w: a Group is named by its id, without a type", ErrInvalidClient)
		}
	}
	return nil
}

func checkScopes(texts []string) (Scopes, error) {
	parsed, err := ParseScopes(texts)
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
	return id != "" && len(id) <= maxID && !strings.Contains(id, ":") && !strings.ContainsFunc(id, strange)
}

// strange tells whether a character is not a visible one of ASCII.
func strange(r rune) bool { return r <= ' ' || r > '~' }
