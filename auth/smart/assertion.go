package smart

import (
	"crypto/sha256"
	"errors"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	// maxAssertionBytes is the maximum size of an assertion. One that is signed
	// with a key of 8192 bits has less than 2000 bytes.
	maxAssertionBytes = 8 << 10

	// maxExpiry is the maximum time until an assertion expires (SMART App Launch
	// 2.2, "Client Authentication: Asymmetric").
	maxExpiry = 5 * time.Minute

	// clockSkew is how much the clock of a client may differ.
	clockSkew = 30 * time.Second
)

// assertion is a JWT by which a client authenticates (RFC 7523, 3). Its claims
// must not be trusted before a key of the client has verified the signature.
type assertion struct {
	token     *jwt.JSONWebToken
	claims    jwt.Claims
	kid       string
	jwksURL   string // of the header jku, if any
	algorithm jose.SignatureAlgorithm
	verified  bool // reports whether a signature was verified, successfully or not
}

// parseAssertion parses an assertion and checks everything that does not depend on
// the client.
func parseAssertion(text string, audience string, now time.Time) (*assertion, error) {
	if len(text) > maxAssertionBytes {
		return nil, badAssertion("the assertion is too long")
	}
	token, err := jwt.ParseSigned(text, Algorithms)
	if err != nil {
		return nil, badAssertion("the assertion is not a JWT signed with RS384 or ES384")
	}
	a := &assertion{token: token}
	if err := a.readHeader(); err != nil {
		return nil, err
	}
	if err := token.UnsafeClaimsWithoutVerification(&a.claims); err != nil {
		return nil, badAssertion("the assertion's claims cannot be parsed")
	}
	return a, a.check(audience, now)
}

func (a *assertion) readHeader() error {
	header := a.token.Headers[0] // a compact JWS has one
	a.algorithm = jose.SignatureAlgorithm(header.Algorithm)
	a.kid = header.KeyID
	a.jwksURL, _ = header.ExtraHeaders["jku"].(string)
	_, hasURL := header.ExtraHeaders["jku"]
	kind, hasKind := header.ExtraHeaders[jose.HeaderType]
	name, _ := kind.(string)
	switch {
	case a.kid == "":
		return badAssertion("the assertion's header has no kid")
	case hasKind && !strings.EqualFold(name, "JWT"):
		return badAssertion("the assertion's header has a typ other than JWT")
	case hasURL && a.jwksURL == "":
		return badAssertion("the assertion's header has a jku that is not a URL")
	}
	return nil
}

// check checks the claims (SMART App Launch 2.2, "Client Authentication:
// Asymmetric", "Authentication JWT Claims").
func (a *assertion) check(audience string, now time.Time) error {
	claims := a.claims
	switch {
	case claims.Issuer == "" || claims.Issuer != claims.Subject:
		return badAssertion("the assertion's iss and sub must both be the client's id")
	case !claims.Audience.Contains(audience):
		return badAssertion("the assertion's aud must be the URL of this token endpoint, " + audience)
	case claims.Expiry == nil:
		return badAssertion("the assertion has no exp")
	case claims.Expiry.Time().After(now.Add(maxExpiry + clockSkew)):
		return badAssertion("the assertion's exp must be at most five minutes in the future")
	case claims.ID == "":
		return badAssertion("the assertion has no jti")
	}
	switch err := claims.ValidateWithLeeway(jwt.Expected{Time: now}, clockSkew); {
	case errors.Is(err, jwt.ErrExpired):
		return badAssertion("the assertion has expired")
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return badAssertion("the assertion is not valid yet: its nbf or iat is in the future")
	case err != nil:
		return badAssertion("the assertion's claims are invalid")
	}
	return nil
}

// verify reports whether the assertion was signed with one of the keys.
func (a *assertion) verify(keys []jose.JSONWebKey) bool {
	for _, key := range keys {
		a.verified = true
		if a.token.Claims(key.Key) == nil {
			return true
		}
	}
	return false
}

// jtiHash returns the SHA-256 of the jti, which has a fixed length.
func (a *assertion) jtiHash() []byte {
	sum := sha256.Sum256([]byte(a.claims.ID))
	return sum[:]
}
