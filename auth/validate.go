package auth

import (
	"fmt"
	"strings"
	"unicode"
	"unicode/utf8"
)

const (
	maxIDBytes = 128

	// minSecretBytes guards against an empty variable in a script, not against a
	// weak secret: NewSecret generates strong ones.
	minSecretBytes = 6
	maxSecretBytes = 1024

	// maxGroups and maxGroupIDBytes bound a client's restriction to Groups; the
	// latter is FHIR's maximum length of an id.
	maxGroups       = 1000
	maxGroupIDBytes = 64
)

// validate checks a registration and returns its scopes. No error contains the
// secret.
func (r Registration) validate() (Scopes, error) {
	if !validID(r.ID) {
		return Scopes{}, fmt.Errorf("%w: an id must be 1 to %d visible ASCII characters without a colon", ErrInvalidClient, maxIDBytes)
	}
	if r.Secret == "" && len(r.Keys.JWKS) == 0 && r.Keys.URL == "" {
		return Scopes{}, fmt.Errorf("%w: a secret or keys are required", ErrInvalidClient)
	}
	if r.Secret != "" {
		if err := validateSecret(r.Secret); err != nil {
			return Scopes{}, err
		}
	}
	if r.SecretTTL < 0 {
		return Scopes{}, fmt.Errorf("%w: the lifetime of a secret must not be negative", ErrInvalidClient)
	}
	if err := r.Keys.validate(); err != nil {
		return Scopes{}, err
	}
	if err := validateGroups(r.Groups); err != nil {
		return Scopes{}, err
	}
	return validateScopes(r.Scopes)
}

func validateSecret(secret string) error {
	switch {
	case len(secret) < minSecretBytes || len(secret) > maxSecretBytes:
		return fmt.Errorf("%w: a secret must be %d to %d bytes long", ErrInvalidClient, minSecretBytes, maxSecretBytes)
	case !utf8.ValidString(secret) || strings.ContainsFunc(secret, unicode.IsControl):
		return fmt.Errorf("%w: a secret must be UTF-8 without control characters", ErrInvalidClient)
	}
	return nil
}

// validate checks the keys; no keys are valid.
func (k Keys) validate() error {
	if len(k.JWKS) > 0 {
		if _, err := ParseKeySet(k.JWKS); err != nil {
			return fmt.Errorf("%w: JWK Set: %w", ErrInvalidClient, err)
		}
	}
	if k.URL != "" {
		if err := checkKeysURL(k.URL, k.AllowInsecureURL); err != nil {
			return fmt.Errorf("%w: URL of the JWK Set: %w", ErrInvalidClient, err)
		}
	}
	return nil
}

func validateGroups(groups []string) error {
	if len(groups) > maxGroups {
		return fmt.Errorf("%w: a client can be restricted to at most %d Groups", ErrInvalidClient, maxGroups)
	}
	for _, id := range groups {
		if id == "" || len(id) > maxGroupIDBytes || strings.ContainsFunc(id, notVisibleASCII) {
			return fmt.Errorf("%w: a Group must be given by its id, without a type", ErrInvalidClient)
		}
	}
	return nil
}

func validateScopes(texts []string) (Scopes, error) {
	parsed, err := ParseScopes(texts)
	if err != nil {
		return Scopes{}, err
	}
	if !parsed.AllowsAny() {
		return Scopes{}, fmt.Errorf("%w: the scopes do not allow the export of any resource type; that requires r and s, as in system/*.rs", ErrInvalidClient)
	}
	return parsed, nil
}

// validID reports whether a client can have this id. HTTP Basic separates id
// and secret at the first colon and forbids control characters (RFC 7617, 2),
// and clients differ in how they send other characters than ASCII.
func validID(id string) bool {
	return id != "" && len(id) <= maxIDBytes && !strings.Contains(id, ":") && !strings.ContainsFunc(id, notVisibleASCII)
}

func notVisibleASCII(r rune) bool { return r <= ' ' || r > '~' }
