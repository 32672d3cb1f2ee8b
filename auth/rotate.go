package auth

import (
	"context"
	"fmt"
	"time"
)

// The replaced secret is valid no longer than it would have been.
const rotateSecret = `
UPDATE sluice.client SET
	previous_hash = CASE WHEN $3::bigint > 0 THEN secret_hash END,
	previous_expires_at = CASE WHEN $3 > 0 AND secret_hash IS NOT NULL
		THEN least(now() + $3 * interval '1 microsecond', secret_expires_at) END,
	secret_hash = $2,
	secret_expires_at = now() + $4::bigint * interval '1 microsecond'
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
	return c.update(ctx, "rotate", id, rotateSecret, c.hashSecret(secret), grace.Microseconds(), microseconds(ttl))
}
