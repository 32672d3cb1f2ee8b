package auth

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"slices"
)

// tokenRow is a client with one of its access tokens.
type tokenRow struct {
	row

	Granted  []string
	SecretID []byte // of the secret that it was issued for, if any
}

// valid reports whether the token is still valid: if it was issued for a secret, no
// longer than that.
func (r tokenRow) valid() bool {
	return r.SecretID == nil || slices.ContainsFunc(r.validHashes(), func(hash string) bool {
		return bytes.Equal(r.SecretID, secretID(hash))
	})
}

const selectByToken = `
SELECT ` + columns + `, t.scopes, t.secret_id
FROM sluice.token t JOIN sluice.client c ON c.id = t.client_id
WHERE t.hash = $1 AND t.expires_at > now() AND (c.expires_at IS NULL OR c.expires_at > now())`

// ByToken returns the client that an access token with this hash was issued to,
// or ErrBadCredentials. It has the scopes that both the token and the client
// still have.
func (c *Clients) ByToken(ctx context.Context, hash []byte) (Client, error) {
	client, err := c.byToken(ctx, hash)
	if err != nil && !errors.Is(err, ErrBadCredentials) {
		return Client{}, fmt.Errorf("auth: find access token: %w", err)
	}
	return client, err
}

func (c *Clients) byToken(ctx context.Context, hash []byte) (Client, error) {
	found, err := collect[tokenRow](ctx, c.pool, selectByToken, hash)
	if err != nil {
		return Client{}, err
	}
	if len(found) == 0 || !found[0].valid() {
		return Client{}, ErrBadCredentials
	}
	client, err := found[0].client()
	if err != nil {
		return Client{}, err
	}
	granted, err := ParseScopes(found[0].Granted)
	if err != nil {
		return Client{}, err
	}
	client.Scopes = granted.Within(client.Scopes)
	return client, nil
}
