package auth

import (
	"fmt"
	"strconv"
)

// Rates are the rate limits of a client: of starting dumps, of kicking off
// exports, and of requests of any kind.
type Rates struct{ Dumps, KickOffs, Requests Rate }

// Rate is a rate limit per minute that a client may have of its own. The zero
// value is the server's default.
type Rate struct {
	// PerMinute is the client's own limit, or nil; 0 means unlimited.
	PerMinute *int
}

// maxRate is more than the microseconds of a minute.
const maxRate = 100_000_000

// OrDefault returns the client's own limit, or else the default.
func (r Rate) OrDefault(perMinute int) int {
	if r.PerMinute != nil {
		return *r.PerMinute
	}
	return perMinute
}

// UnmarshalText parses a number, or the word default.
func (r *Rate) UnmarshalText(text []byte) error {
	if string(text) == "default" {
		*r = Rate{}
		return nil
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 0 || n > maxRate {
		return fmt.Errorf("must be a number per minute (0 = unlimited) or default, got %q", text)
	}
	*r = Rate{PerMinute: &n}
	return nil
}

// String returns the text that UnmarshalText parses.
func (r Rate) String() string {
	if r.PerMinute != nil {
		return strconv.Itoa(*r.PerMinute)
	}
	return "default"
}
