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
	// Own reports whether the client has its own limit, PerMinute; 0 means
	// unlimited.
	Own       bool
	PerMinute int
}

// maxRate is more than the microseconds of a minute.
const maxRate = 100_000_000

// OrDefault returns the client's own limit, or else the default.
func (r Rate) OrDefault(perMinute int) int {
	if r.Own {
		return r.PerMinute
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
	*r = Rate{Own: true, PerMinute: n}
	return nil
}

// String returns the text that UnmarshalText parses.
func (r Rate) String() string {
	if r.Own {
		return strconv.Itoa(r.PerMinute)
	}
	return "default"
}

func newRate(perMinute *int) Rate {
	if perMinute == nil {
		return Rate{}
	}
	return Rate{Own: true, PerMinute: *perMinute}
}

// column returns the value for the column of the rate.
func (r Rate) column() *int {
	if !r.Own {
		return nil
	}
	return &r.PerMinute
}
