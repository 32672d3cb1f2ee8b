package cli

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"strings"
	"time"

	"github.com/alecthomas/kong"
)

const day = 24 * time.Hour

var errDuration = errors.New("not a duration such as 90s, 12h, 7d or 1d12h")

// parseDuration is time.ParseDuration with days, which come first.
func parseDuration(text string) (time.Duration, error) {
	days, rest, found := strings.Cut(text, "d")
	if !found {
		d, err := time.ParseDuration(text)
		if err != nil {
			return 0, errDuration
		}
		return d, nil
	}
	sign := time.Duration(1)
	if digits, negative := strings.CutPrefix(days, "-"); negative {
		days, sign = digits, -1
	}
	hours, err := time.ParseDuration(days + "h")
	if err != nil || strings.Trim(days, "0123456789.") != "" || hours > math.MaxInt64/24 {
		return 0, errDuration
	}
	total := hours * (day / time.Hour)
	if rest != "" {
		more, err := time.ParseDuration(rest)
		if err != nil || strings.ContainsAny(rest, "+-") || more > math.MaxInt64-total {
			return 0, errDuration
		}
		total += more
	}
	return sign * total, nil
}

// durations makes flags and variables read durations by parseDuration.
func durations() kong.Option {
	return kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
			return err
		}
		d, err := parseDuration(text)
		if err != nil {
			return fmt.Errorf("%q is %w", text, err)
		}
		target.SetInt(int64(d))
		return nil
	}))
}
