package auth

import (
	"context"
	"fmt"
	"time"
)

const expireClient = `UPDATE sluice.client SET expires_at = $2 WHERE id = $1`

// Expire sets when the client and its access tokens expire; zero means never.
// The client keeps its exports.
func (c *Clients) Expire(ctx context.Context, id string, at time.Time) error {
	return c.update(ctx, "expire", id, expireClient, column(at))
}

const revokeClient = `
WITH revoked AS (DELETE FROM sluice.token WHERE client_id = $1)
UPDATE sluice.client SET expires_at = least(expires_at, now()), previous_hash = NULL, previous_expires_at = NULL WHERE id = $1`

// Revoke makes the client expire now and deletes its access tokens and the
// secret that was replaced. Expire with a later time re-enables it.
func (c *Clients) Revoke(ctx context.Context, id string) error {
	return c.update(ctx, "revoke", id, revokeClient)
}

// The replaced secret is valid no longer than it would have been.
const rotateSecret = `
UPDATE sluice.client SET
	previous_hash = CASE WHEN $3::interval > '0' THEN secret_hash END,
	previous_expires_at = CASE WHEN $3 > '0' AND secret_hash IS NOT NULL
		THEN least(now() + $3, secret_expires_at) END,
	secret_hash = $2,
	secret_expires_at = now() + $4::interval
WHERE id = $1`

// Rotate gives the client a new secret. The replaced one stays valid for the
// grace period, so that programs can be updated; one that was replaced earlier
// becomes invalid. ttl is how long the new secret is valid; zero means without
// end.
func (c *Clients) Rotate(ctx context.Context, id, secret string, grace, ttl time.Duration) error {
	err := validateSecret(secret)
	if err == nil && (grace < 0 || ttl < 0) {
		err = fmt.Errorf("%w: a duration must not be negative", ErrInvalidClient)
	}
	if err != nil {
		return fmt.Errorf("auth: rotate client %q: %w", id, err)
	}
	return c.update(ctx, "rotate", id, rotateSecret, c.hashSecret(secret), grace, column(ttl))
}

// Change describes a change of a client. Fields that are nil change nothing.
type Change struct {
	// Scopes replace the scopes of the client.
	Scopes []string

	// Groups replace the Groups that the client is restricted to. Empty but not
	// nil removes the restriction.
	Groups []string

	// Keys replace the keys of the client. Zero removes them.
	Keys *Keys

	// Dumps, KickOffs and Requests replace the client's own rate limits.
	Dumps, KickOffs, Requests *Rate
}

const changeClient = `
UPDATE sluice.client SET
	scopes = coalesce($2, scopes),
	groups = CASE WHEN $3::text[] IS NULL THEN groups ELSE nullif($3, '{}') END,
	jwks = CASE WHEN $4 THEN $5 ELSE jwks END,
	jwks_url = CASE WHEN $4 THEN $6 ELSE jwks_url END,
	dumps = CASE WHEN $7 THEN $8 ELSE dumps END,
	kick_offs = CASE WHEN $9 THEN $10 ELSE kick_offs END,
	requests = CASE WHEN $11 THEN $12 ELSE requests END
WHERE id = $1`

// Change changes a client. It takes effect at the next request, but an access
// token that was issued for a removed key is valid until it expires.
func (c *Clients) Change(ctx context.Context, id string, change Change) error {
	keys := value(change.Keys)
	err := keys.validate()
	if err == nil {
		err = validateGroups(change.Groups)
	}
	if err == nil && change.Scopes != nil {
		_, err = validateScopes(change.Scopes)
	}
	if err != nil {
		return fmt.Errorf("auth: change client %q: %w", id, err)
	}
	return c.update(ctx, "change", id, changeClient,
		change.Scopes, change.Groups, change.Keys != nil, column(string(keys.JWKS)), column(keys.URL),
		change.Dumps != nil, value(change.Dumps).PerMinute, change.KickOffs != nil, value(change.KickOffs).PerMinute,
		change.Requests != nil, value(change.Requests).PerMinute)
}
