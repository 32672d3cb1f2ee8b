package auth

import (
	"context"
	"fmt"
	"time"
)

const expireClient = `UPDATE sluice.client SET expires_at = $2 WHERE id = $1`

// Expire makes the client be refused from that time on, its access tokens
// included; zero means never. Its exports stay its own.
func (c *Clients) Expire(ctx context.Context, id string, at time.Time) error {
	return c.run(ctx, "expire", id, expireClient, column(at))
}

const revokeClient = `
WITH gone AS (DELETE FROM sluice.token WHERE client_id = $1)
UPDATE sluice.client SET expires_at = least(expires_at, now()), previous_hash = NULL, previous_expires_at = NULL WHERE id = $1`

// Revoke refuses the client from now on and forgets its access tokens and the
// secret that was replaced. Expire with a later time lets it in again.
func (c *Clients) Revoke(ctx context.Context, id string) error {
	return c.run(ctx, "revoke", id, revokeClient)
}

// Change is what is changed of a client; nil leaves it as it is.
type Change struct {
	// Scopes are what the client may take from now on.
	Scopes []string

	// Groups are the only Groups whose data the client may take from now on;
	// one that is empty, but not nil, lifts the restriction.
	Groups []string

	// Keys are the client's from now on. Neither a set nor an address takes
	// its keys away.
	Keys *Keys

	// Dumps, KickOffs and Requests are how often it may ask from now on.
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

// Change changes what the client may take and how it signs. Requests see it at
// once; an access token that was given for a key that is gone lasts to its end.
func (c *Clients) Change(ctx context.Context, id string, change Change) error {
	keys := Keys{}
	if change.Keys != nil {
		keys = *change.Keys
	}
	err := keys.check()
	if err == nil {
		err = checkGroups(change.Groups)
	}
	if err == nil && change.Scopes != nil {
		_, err = checkScopes(change.Scopes)
	}
	if err != nil {
		return fmt.Errorf("auth: change client %q: %w", id, err)
	}
	return c.run(ctx, "change", id, changeClient,
		change.Scopes, change.Groups, change.Keys != nil, column(string(keys.JWKS)), column(keys.URL),
		change.Dumps != nil, value(change.Dumps).column(), change.KickOffs != nil, value(change.KickOffs).column(),
		change.Requests != nil, value(change.Requests).column())
}
