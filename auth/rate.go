package auth

import (
	"fmt"
	"strconv"
)

// Rate is how often a minute a client may do something. The zero value is what
// the server is set to.
type Rate struct {
	// Own tells that the client has a rate of its own: PerMinute, where 0 means
	// no limit.
	Own       bool
	PerMinute int
}

// maxRate is more than a minute has microseconds.
const maxRate = 100_000_000

// Or returns the client's own rate, or else the usual one.
func (r Rate) Or(usual int) int {
	if r.Own {
		return r.PerMinute
	}
	return usual
}

// UnmarshalText reads a number, or the word default.
func (r *Rate) UnmarshalText(text []byte) error {
	if string(text) == "default" {
		*r = Rate{}
		return nil
	}
	n, err := strconv.Atoi(string(text))
	if err != nil || n < 0 || n > maxRate {
		return fmt.Errorf("%q is neither default nor a number of times a minute, with 0 for no limit", text)
	}
	*r = Rate{Own: true, PerMinute: n}
	return nil
}

// String writes what UnmarshalText reads.
func (r Rate) String() string {
	if r.Own {
		return strconv.Itoa(r.PerMinute)
	}
	return "default"
}

// Rates are what a client may do how often: begin dumps, kick off exports, and
// send requests of any kind.
type Rates struct{ Dumps, KickOffs, Requests Rate }

// rateOf reads a column.
func rateOf(perMinute *int) Rate {
	if perMinute == nil {
		return Rate{}
	}
	return Rate{Own: true, PerMinute: *perMinute}
}

// column is what is stored of the rate.
func (r Rate) column() *int {
	if !r.Own {
		return nil
	}
	return &r.PerMinute
}
