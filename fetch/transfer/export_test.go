package transfer

import "time"

// Waits between requests are short in tests.
func init() { backoff.Min, backoff.Max = time.Millisecond, 20*time.Millisecond }
