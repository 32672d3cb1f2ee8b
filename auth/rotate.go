package auth

import (
	"context"
	"fmt"
	"time"

	"github.com/jackc/pgx/v5"
)

// The one that is replaced works as long as it would have at most.
const rotateSecret = `
UPDATE sluice.client SET
	previous_hash = CASE WHEN $3::bigint > 0 THEN secret_hash END,
	previous_expires_at = CASE WHEN $3 > 0 AND secret_hash IS NOT NULL
		THEN least(now() + $3 * interval '1 microsecond', secret_expires_at) END,
	secret_hash = $2,
	secret_expires_at = now() + $4::bigint * interval '1 microsecond'
WHERE id = $1`

// Rotate gives the client a new secret. The one it had goes on to work for the
// time keep, so that its programs can be told the new one; whatever was left of
// an earlier one ends now. life is how long the new one works; zero means
// without end.
func (c *Clients) Rotate(ctx context.Context, id, secret string, keep, life time.Duration) error {
	if err := c.rotate(ctx, id, secret, keep, life); err != nil {
		return fmt.Errorf("auth: rotate the secret of client %q: %w", id, err)
	}
	return nil
}

func (c *Clients) rotate(ctx context.Context, id, secret string, keep, life time.Duration) error {
	if err := checkSecret(secret); err != nil {
		return err
	}
	if keep < 0 || life < 0 {
		return fmt.Errorf("%w: a time can't be less than nothing", ErrInvalidClient)
	}
	return c.change(ctx, "rotate", id, func(tx pgx.Tx, before row) error {
		if before.ID == "" {
			return ErrNoClient
		}
		hash, err := c.hasher.hashBeside(ctx, value(before.Hash), secret)
		if err != nil {
			return err
		}
		_, err = tx.Exec(ctx, rotateSecret, id, hash, keep.Microseconds(), microseconds(life))
		return err
	})
}
