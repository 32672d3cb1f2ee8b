package auth

import (
	"crypto/sha256"
	"encoding/base64"
	"encoding/json"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

const (
	// maxAssertion bounds an assertion, in bytes. One signed with a key of
	// 8192 bits takes less than two thousand.
	maxAssertion = 8 << 10

	// maxAhead is how far ahead an assertion may expire (SMART App Launch 2.2,
	// "Client Authentication: Asymmetric").
	maxAhead = 5 * time.Minute

	// skew is how far a client's clock may be from ours.
	skew = 30 * time.Second
)

// DefaultAlgorithms are those that SMART App Launch names.
var defaultAlgorithms = []string{"RS384", "ES384"}

// knownAlgorithms are those that can be allowed. None is symmetric: a client's
// public key is no secret.
var knownAlgorithms = []string{"RS384", "ES384", "RS256", "ES256"}

// assertion is a JWT by which a client says who it is (RFC 7523, 3). It is
// believed only once a key of the client has verified it.
type assertion struct {
	token     *jwt.JSONWebToken
	claims    jwt.Claims
	keyID     string
	keysURL   string // of the header jku, if any
	algorithm jose.SignatureAlgorithm
	tried     bool // whether a key was tried on it
}

// bad refuses an assertion for what anyone can see in it.
func bad(text string) *GrantError {
	return &GrantError{Code: InvalidClient, Text: text}
}

// parseAssertion reads an assertion and checks all that can be checked without
// knowing the client.
func parseAssertion(text string, algorithms []jose.SignatureAlgorithm, audiences []string, now time.Time) (*assertion, error) {
	if len(text) > maxAssertion {
		return nil, bad("the assertion is too long")
	}
	token, err := jwt.ParseSigned(text, algorithms)
	if err != nil {
		names := make([]string, len(algorithms))
		for i, algorithm := range algorithms {
			names[i] = string(algorithm)
		}
		return nil, bad("the assertion is no JWT signed with " + strings.Join(names, " or "))
	}
	a := &assertion{token: token}
	if err := a.readHeader(); err != nil {
		return nil, err
	}
	if err := token.UnsafeClaimsWithoutVerification(&a.claims); err != nil {
		return nil, bad("the assertion's claims can't be read")
	}
	return a, a.check(audiences, now)
}

// ClaimedBy returns the client that an assertion says it is of, which anyone can
// say; "" if it says none.
func ClaimedBy(text string) string {
	if len(text) > maxAssertion {
		return ""
	}
	_, rest, _ := strings.Cut(text, ".")
	payload, _, _ := strings.Cut(rest, ".")
	document, err := base64.RawURLEncoding.DecodeString(payload)
	if err != nil {
		return ""
	}
	var claims struct {
		Subject string `json:"sub"`
	}
	if json.Unmarshal(document, &claims) != nil || !validID(claims.Subject) {
		return ""
	}
	return claims.Subject
}

func (a *assertion) readHeader() error {
	header := a.token.Headers[0] // a compact JWS has one
	a.algorithm = jose.SignatureAlgorithm(header.Algorithm)
	a.keyID = header.KeyID
	a.keysURL, _ = header.ExtraHeaders["jku"].(string)
	_, hasURL := header.ExtraHeaders["jku"]
	kind, hasKind := header.ExtraHeaders[jose.HeaderType]
	name, _ := kind.(string)
	switch {
	case a.keyID == "":
		return bad("the assertion's header names no key (kid)")
	case hasKind && !strings.EqualFold(name, "JWT"):
		return bad("the assertion's header has another typ than JWT")
	case hasURL && a.keysURL == "":
		return bad("the assertion's header has a jku that is no address")
	}
	return nil
}

// check checks the claims (SMART App Launch 2.2, "Client Authentication:
// Asymmetric", "Authentication JWT Claims").
func (a *assertion) check(audiences []string, now time.Time) error {
	claims := a.claims
	switch {
	case claims.Issuer == "" || claims.Issuer != claims.Subject:
		return bad("the assertion's iss and sub are not both the client's id")
	case !slices.ContainsFunc(audiences, claims.Audience.Contains):
		return bad("the assertion's aud is not the address of this token endpoint, " + strings.Join(audiences, " or "))
	case claims.Expiry == nil:
		return bad("the assertion has no exp")
	case claims.Expiry.Time().After(now.Add(maxAhead + skew)):
		return bad("the assertion's exp is more than five minutes ahead")
	case claims.ID == "":
		return bad("the assertion has no jti")
	}
	switch err := claims.ValidateWithLeeway(jwt.Expected{Time: now}, skew); {
	case errors.Is(err, jwt.ErrExpired):
		return bad("the assertion has expired")
	case errors.Is(err, jwt.ErrNotValidYet), errors.Is(err, jwt.ErrIssuedInTheFuture):
		return bad("the assertion is of the future: its nbf or iat has not come yet")
	case err != nil:
		return bad("the assertion's claims do not hold")
	}
	return nil
}

// signedBy tells whether one of the keys has signed the assertion.
func (a *assertion) signedBy(keys []jose.JSONWebKey) bool {
	for _, key := range keys {
		a.tried = true
		if a.token.Claims(key.Key) == nil {
			return true
		}
	}
	return false
}

// jti is the assertion's id, of one length whatever the client makes of it.
func (a *assertion) jti() []byte {
	sum := sha256.Sum256([]byte(a.claims.ID))
	return sum[:]
}
