package cli

import (
	"fmt"
	"math"
	"time"

	"github.com/dustin/go-humanize"
)

// A settings struct holds what belongs together. Its tags are flags,
// environment variables, defaults and help at once; the README's table is made
// from them.

// validate validates each group in turn; kong only asks the command.
func validate(groups ...interface{ Validate() error }) error {
	for _, group := range groups {
		if err := group.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// positive refuses what has no meaning below one.
func positive(durations map[string]time.Duration, counts map[string]int) error {
	for name, d := range durations {
		if d <= 0 {
			return fmt.Errorf("%s is more than zero, such as 30s or 1h", name)
		}
	}
	for name, n := range counts {
		if n <= 0 {
			return fmt.Errorf("%s is 1 or more", name)
		}
	}
	return nil
}

// size is a number of bytes, written as 256MiB or 1GB.
type size int64

// UnmarshalText reads a size.
func (s *size) UnmarshalText(text []byte) error {
	bytes, err := humanize.ParseBytes(string(text))
	if err != nil || bytes > math.MaxInt64 {
		return fmt.Errorf("%q is not a size such as 256MiB", text)
	}
	*s = size(bytes)
	return nil
}
