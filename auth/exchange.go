package auth

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// Exchange is what a client asks for a token with (SMART App Launch 2.2,
// "Backend Services", "Obtain Access Token").
type Exchange struct {
	// Assertion is the JWT by which the client says who it is.
	Assertion string

	// Audiences are the addresses that the assertion may be meant for: those of
	// this token endpoint, as the operator knows them.
	Audiences []string

	// ClientID, unless empty, must be the assertion's.
	ClientID string

	// Scopes are those asked for, with spaces between.
	Scopes string

	// Standard tells whether FHIR knows a resource type.
	Standard func(resourceType string) bool
}

// Exchange gives a token for an assertion. Each assertion is taken once, by
// whichever process it reaches. The error is a GrantError if the client is at
// fault.
func (t *Tokens) Exchange(ctx context.Context, x Exchange) (Token, error) {
	now := time.Now()
	a, err := parseAssertion(x.Assertion, t.algorithms, x.Audiences, now)
	if err != nil {
		return Token{}, err
	}
	if x.ClientID != "" && x.ClientID != a.claims.Subject {
		return Token{}, &GrantError{Code: InvalidRequest, Text: "client_id is not the assertion's sub"}
	}
	found, err := t.prove(ctx, a, now)
	if err != nil {
		return Token{}, err
	}
	scopes, err := narrow(found, x)
	if err != nil {
		return Token{}, err
	}

	var token Token
	err = pgx.BeginFunc(ctx, t.pool, func(tx pgx.Tx) error {
		if err := use(ctx, tx, found.ID, a); err != nil {
			return err
		}
		if err := forget(ctx, tx); err != nil {
			return err
		}
		token, err = t.issue(ctx, tx, found, scopes)
		return err
	})
	if err != nil {
		return Token{}, fmt.Errorf("auth: give a token: %w", err)
	}
	return token, nil
}

// prove returns the client whose key has signed the assertion. Whoever holds no
// such key learns nothing from the error, and hardly anything from the time it
// takes: not that the client exists either.
func (t *Tokens) prove(ctx context.Context, a *assertion, now time.Time) (row, error) {
	unproven := &GrantError{Code: InvalidClient, Text: "no key of such a client has signed the assertion"}
	found, err := findClient(ctx, t.pool, a.claims.Subject)
	if errors.Is(err, ErrNoClient) {
		found, err = t.decoy.row, nil
	}
	if err != nil {
		return row{}, fmt.Errorf("auth: give a token: %w", err)
	}
	unproven.ClientID = found.ID

	if a.keysURL != "" && (found.KeysURL == nil || a.keysURL != *found.KeysURL) {
		unproven.Cause = errors.New("its jku is not the address known of the client")
		return row{}, unproven
	}
	signed, err := t.signed(ctx, a, found)
	if !a.tried {
		a.signedBy(t.decoy.keys.find(decoyKeyID, a.algorithm))
	}
	if err != nil {
		unproven.Cause = err
		return row{}, unproven
	}
	if !signed || found.ID != a.claims.Subject || found.ExpiresAt != nil && !now.Before(*found.ExpiresAt) {
		return row{}, unproven
	}
	return found, nil
}

// signed tells whether a key of the client has signed the assertion: one that
// is known inline, or else one at the client's own address.
func (t *Tokens) signed(ctx context.Context, a *assertion, found row) (bool, error) {
	inline, err := found.keys()
	if err != nil {
		return false, err
	}
	if a.signedBy(inline.find(a.keyID, a.algorithm)) {
		return true, nil
	}
	if found.KeysURL == nil {
		return false, nil
	}
	remote, err := t.remote.get(ctx, *found.KeysURL, func(keys keySet) bool {
		return len(keys.find(a.keyID, a.algorithm)) > 0
	})
	if err != nil {
		return false, fmt.Errorf("the keys at %s can't be had: %w", withoutQuery(*found.KeysURL), err)
	}
	return a.signedBy(remote.find(a.keyID, a.algorithm)), nil
}

// narrow returns the scopes of the token, or a GrantError when none is left.
func narrow(found row, x Exchange) (Scopes, error) {
	granted, err := ParseScopes(found.Scopes)
	if err != nil {
		return Scopes{}, fmt.Errorf("auth: client %q: %w", found.ID, err)
	}
	scopes := granted.Narrow(x.Scopes, x.Standard)
	if !scopes.allowsAny() {
		return Scopes{}, &GrantError{Code: InvalidScope, Text: "none of the scopes asked for is granted to the client", ClientID: found.ID}
	}
	return scopes, nil
}

// used is how long a used assertion is remembered after it has expired, for
// clocks that differ.
const used = time.Hour

const useSQL = `INSERT INTO sluice.assertion (client_id, jti, expires_at) VALUES ($1, $2, $3) ON CONFLICT DO NOTHING`

// use marks the assertion as used, or refuses one that was.
func use(ctx context.Context, tx pgx.Tx, clientID string, a *assertion) error {
	tag, err := tx.Exec(ctx, useSQL, clientID, a.jti(), a.claims.Expiry.Time().Add(used))
	if err == nil && tag.RowsAffected() == 0 {
		return &GrantError{Code: InvalidClient, Text: "the assertion's jti was used before", ClientID: clientID}
	}
	return err
}

// forgetBatch is how many rows that have expired one new token takes away: more
// than it adds, so that they can't pile up, and few enough not to be felt.
const forgetBatch = 100

const (
	forgetTokensSQL = `
DELETE FROM sluice.token WHERE hash IN (
	SELECT hash FROM sluice.token WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)`

	forgetAssertionsSQL = `
DELETE FROM sluice.assertion WHERE (client_id, jti) IN (
	SELECT client_id, jti FROM sluice.assertion WHERE expires_at < now() LIMIT $1 FOR UPDATE SKIP LOCKED)`
)

// forget deletes tokens and assertions that have expired.
func forget(ctx context.Context, tx pgx.Tx) error {
	for _, sql := range []string{forgetTokensSQL, forgetAssertionsSQL} {
		if _, err := tx.Exec(ctx, sql, forgetBatch); err != nil {
			return err
		}
	}
	return nil
}
