package transfer

import (
	"context"
	"time"

	"github.com/seed-90096f4d/sluice/fetch/retry"
)

// Waits between requests are a thousand times shorter in tests.
func init() {
	refusalTimeout = 200 * time.Millisecond
	sleep = func(ctx context.Context, d time.Duration) error { return retry.Sleep(ctx, d/1000) }
}
