package smart

import (
	"cmp"
	"context"
	"crypto/sha256"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/auth"
)

// Request is a request for an access token (SMART App Launch 2.2, "Backend
// Services", "Obtain Access Token").
type Request struct {
	// Assertion is the JWT that authenticates the client.
	Assertion string

	// Audience is the URL of this token endpoint, which must be an audience of the
	// assertion.
	Audience string

	// ClientID, unless empty, must be the client of the assertion.
	ClientID string

	ScopeRequest
}

// ScopeRequest is a request for scopes.
type ScopeRequest struct {
	// Scopes are the requested scopes, separated by spaces.
	Scopes string

	// IsStandard reports whether a resource type is one of FHIR.
	IsStandard func(resourceType string) bool
}

// Exchange issues a token for an assertion. An assertion is accepted once, over
// all processes. The error is a GrantError if the client is at fault.
func (t *Tokens) Exchange(ctx context.Context, r Request) (Token, error) {
	a, err := parseAssertion(r.Assertion, r.Audience, time.Now())
	if err != nil {
		return Token{}, err
	}
	if r.ClientID != "" && r.ClientID != a.claims.Subject {
		return Token{}, &GrantError{Code: InvalidRequest, Text: "client_id must be the assertion's sub"}
	}
	client, err := t.authenticate(ctx, a)
	if err != nil {
		return Token{}, err
	}
	return t.issue(ctx, client, r.ScopeRequest, func(tx pgx.Tx) error { return markUsed(ctx, tx, client.ID, a) })
}

// Issue issues a token to a client that its secret has authenticated. No scopes mean all
// that the client has. The error is a GrantError if the client is at fault.
func (t *Tokens) Issue(ctx context.Context, client auth.Client, r ScopeRequest) (Token, error) {
	r.Scopes = cmp.Or(r.Scopes, client.Scopes.String())
	return t.issue(ctx, client, r, func(pgx.Tx) error { return nil })
}

// issue issues a token in the transaction of accept.
func (t *Tokens) issue(ctx context.Context, client auth.Client, r ScopeRequest, accept func(pgx.Tx) error) (token Token, err error) {
	scopes := client.Scopes.Grant(r.Scopes, r.IsStandard)
	if !scopes.AllowsAny() {
		return Token{}, &GrantError{Code: InvalidScope, Text: "the client has none of the requested scopes", ClientID: client.ID}
	}
	err = pgx.BeginFunc(ctx, t.pool, func(tx pgx.Tx) error {
		if err := accept(tx); err != nil {
			return err
		}
		if err := deleteExpired(ctx, tx); err != nil {
			return err
		}
		token, err = t.insert(ctx, tx, client, scopes)
		return err
	})
	if err != nil {
		return Token{}, fmt.Errorf("smart: issue a token: %w", err)
	}
	return token, nil
}

// authenticate returns the client whose key has signed the assertion. Without such
// a key the error and, as far as possible, the time it takes are the same whether
// the client exists or not.
func (t *Tokens) authenticate(ctx context.Context, a *assertion) (auth.Client, error) {
	rejected := &GrantError{Code: InvalidClient, Text: "no such client, or none of its keys has signed the assertion"}
	client, err := t.clients.Get(ctx, a.claims.Subject)
	if errors.Is(err, auth.ErrNoClient) {
		client, err = auth.Client{Keys: dummyKeys()}, nil
	}
	if err != nil {
		return auth.Client{}, fmt.Errorf("smart: issue a token: %w", err)
	}
	rejected.ClientID = client.ID

	if a.jwksURL != "" && a.jwksURL != client.KeysURL {
		rejected.Cause = errors.New("the assertion's jku is not the registered JWKS URL of the client")
		return auth.Client{}, rejected
	}
	valid, err := t.verify(ctx, a, client)
	if !a.verified {
		a.verify(t.dummy.Find(dummyKID, a.algorithm))
	}
	if err != nil {
		rejected.Cause = err
		return auth.Client{}, rejected
	}
	if !valid || client.ID != a.claims.Subject || client.Expired {
		return auth.Client{}, rejected
	}
	return client, nil
}

// verify reports whether a key of the client has signed the assertion: one that is
// stored, or else one at its JWKS URL.
func (t *Tokens) verify(ctx context.Context, a *assertion, client auth.Client) (bool, error) {
	if a.verify(client.Keys.Find(a.kid, a.algorithm)) {
		return true, nil
	}
	if client.KeysURL == "" {
		return false, nil
	}
	keys, err := t.jwks.get(ctx, client.KeysURL, a.kid, a.algorithm)
	if err != nil {
		return false, fmt.Errorf("cannot fetch the keys at %s: %w", auth.RedactURL(client.KeysURL), err)
	}
	return a.verify(keys.Find(a.kid, a.algorithm)), nil
}

// usedMargin is how long a used assertion is kept after it has expired, for clocks
// that differ.
const usedMargin = time.Hour

const insertAssertion = `INSERT INTO sluice.assertion (client_id, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`

// markUsed marks the assertion as used, or rejects one that already was.
func markUsed(ctx context.Context, tx pgx.Tx, clientID string, a *assertion) error {
	jti := sha256.Sum256([]byte(a.claims.ID)) // which has a fixed length
	tag, err := tx.Exec(ctx, insertAssertion, clientID, jti[:], a.claims.Expiry.Time().Add(usedMargin))
	if err == nil && tag.RowsAffected() == 0 {
		return &GrantError{Code: InvalidClient, Text: "the assertion's jti was already used", ClientID: clientID}
	}
	return err
}

// deleteBatch is how many expired rows are deleted per new token: more than it
// adds, so that they cannot accumulate, and few enough to be fast.
const deleteBatch = 100

const (
	deleteTokens = `
DELETE FROM sluice.token WHERE hash IN (
	SELECT hash FROM sluice.token WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)`

	deleteAssertions = `
DELETE FROM sluice.assertion WHERE (client_id, jti) IN (
	SELECT client_id, jti FROM sluice.assertion WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)`
)

func deleteExpired(ctx context.Context, tx pgx.Tx) error {
	for _, sql := range []string{deleteTokens, deleteAssertions} {
		if _, err := tx.Exec(ctx, sql, deleteBatch); err != nil {
			return err
		}
	}
	return nil
}
