package login

import (
	"crypto/rand"
	"fmt"
	"net/http"
	"net/url"
	"time"

	"github.com/go-jose/go-jose/v4"
	"github.com/go-jose/go-jose/v4/jwt"
)

// assertionTTL is how long an assertion is valid: the maximum of SMART App Launch 2.2,
// "Client Authentication: Asymmetric".
const assertionTTL = 5 * time.Minute

const assertionType = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

// proof adds to a token request what authenticates the client, and returns the parts
// that must not be shown.
type proof func(tokenURL string, form url.Values, header http.Header) (secrets []string, err error)

// assertionProof authenticates with an assertion that the key signs (RFC 7523, 2.2).
func assertionProof(clientID string, key jose.JSONWebKey) proof {
	return func(tokenURL string, form url.Values, _ http.Header) ([]string, error) {
		assertion, err := sign(clientID, tokenURL, key)
		if err != nil {
			return nil, fmt.Errorf("sign the assertion: %w", err)
		}
		form.Set("client_assertion_type", assertionType)
		form.Set("client_assertion", assertion)
		return []string{assertion}, nil
	}
}

// sign returns a new assertion, which can be used once.
func sign(clientID, tokenURL string, key jose.JSONWebKey) (string, error) {
	options := (&jose.SignerOptions{}).WithType("JWT")
	signer, err := jose.NewSigner(jose.SigningKey{Algorithm: jose.SignatureAlgorithm(key.Algorithm), Key: key}, options)
	if err != nil {
		return "", err
	}
	now := time.Now()
	return jwt.Signed(signer).Claims(jwt.Claims{
		Issuer:   clientID,
		Subject:  clientID,
		Audience: jwt.Audience{tokenURL},
		IssuedAt: jwt.NewNumericDate(now),
		Expiry:   jwt.NewNumericDate(now.Add(assertionTTL)),
		ID:       rand.Text(),
	}).Serialize()
}

// secretProof authenticates with a secret: client_secret_basic. Id and secret are encoded
// as in a form before they are encoded as in HTTP Basic (RFC 6749, 2.3.1).
func secretProof(clientID string, secret func() (string, error)) proof {
	return func(_ string, _ url.Values, header http.Header) ([]string, error) {
		value, err := secret()
		if err != nil {
			return nil, fmt.Errorf("read the secret: %w", err)
		}
		escaped := url.QueryEscape(value)
		credentials := basic(url.QueryEscape(clientID), escaped)
		header.Set("Authorization", credentials)
		return []string{credentials, value, escaped}, nil
	}
}
