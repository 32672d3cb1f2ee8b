package cli

import (
	"errors"
	"fmt"
	"math"
	"reflect"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/alecthomas/kong"
	"github.com/dustin/go-humanize"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
)

// A settings struct holds the settings of one subject. Its tags define flags,
// environment variables, defaults and help; docs/configuration.md is generated from
// them. A setting is defined nowhere else: Config structs of other packages take the
// value that they are given.

// groups are the groups of settings in --help and docs/configuration.md.
var groups = []kong.Group{
	{Key: "databases", Title: "Databases:"},
	{Key: "storage", Title: "Object store:"},
	{Key: "http", Title: "HTTP:"},
	{Key: "formats", Title: "Formats:"},
	{Key: "access", Title: "Access:"},
	{Key: "limits", Title: "Limits:"},
	{Key: "work", Title: "Work:"},
	{Key: "logging", Title: "Logging:"},
}

// groupIndex returns the position of a flag's group in groups, or -1.
func groupIndex(flag *kong.Flag) int {
	return slices.IndexFunc(groups, func(g kong.Group) bool { return flag.Group != nil && flag.Group.Key == g.Key })
}

// Rate limits of a client that has none of its own (sluice client add --dumps).
const (
	dumpsPerMinute    = 600
	kickOffsPerMinute = 60
)

// tokenTTL is how long an access token is valid. SMART App Launch 2.2 recommends no more.
const tokenTTL = 5 * time.Minute

// variables are the values that tags refer to.
var variables = kong.Vars{
	"created_at_url":        fhir.DefaultCreatedAtURL,
	"dumps_per_minute":      strconv.Itoa(dumpsPerMinute),
	"export_window":         strconv.Itoa(jobs.DefaultWindow),
	"kick_offs_per_minute":  strconv.Itoa(kickOffsPerMinute),
	"part_shutdown_timeout": partShutdownTimeout.String(),
	"source_schema":         source.DefaultSchema,
}

// validate validates each group in turn; kong validates only the command.
func validate(groups ...interface{ Validate() error }) error {
	for _, group := range groups {
		if err := group.Validate(); err != nil {
			return err
		}
	}
	return nil
}

// setting names the setting of a flag, such as --slots (SLUICE_SLOTS).
func setting(flag string) string {
	return "--" + flag + " (SLUICE_" + strings.ToUpper(strings.ReplaceAll(flag, "-", "_")) + ")"
}

// checkMin returns an error if the value of a flag is less than minimum.
func checkMin[T int | time.Duration](flag string, value, minimum T) error {
	if value < minimum {
		return fmt.Errorf("%s must be at least %v, got %v", setting(flag), minimum, value)
	}
	return nil
}

// checkRange returns an error unless the value of a flag is between minimum and maximum.
func checkRange[T int | time.Duration](flag string, value, minimum, maximum T) error {
	if value < minimum || value > maximum {
		return fmt.Errorf("%s must be between %v and %v, got %v", setting(flag), minimum, maximum, value)
	}
	return nil
}

// checkPositive returns an error unless the duration of a flag is greater than zero.
func checkPositive(flag string, value time.Duration) error {
	if value <= 0 {
		return fmt.Errorf("%s must be greater than zero, for example 30s or 1h, got %s", setting(flag), value)
	}
	return nil
}

// size is a number of bytes, written as 256MiB or 1GB.
type size int64

// UnmarshalText parses a size.
func (s *size) UnmarshalText(text []byte) error {
	bytes, err := humanize.ParseBytes(string(text))
	if err != nil || bytes > math.MaxInt64 {
		return fmt.Errorf("must be a size such as 256MiB, got %q", text)
	}
	*s = size(bytes)
	return nil
}

const day = 24 * time.Hour

var errDuration = errors.New("must be a duration such as 90s, 12h, 7d or 1d12h")

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

// durations makes kong parse durations with parseDuration.
func durations() kong.Option {
	return kong.TypeMapper(reflect.TypeFor[time.Duration](), kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto("duration", &text); err != nil {
			return err
		}
		d, err := parseDuration(text)
		if err != nil {
			return fmt.Errorf("%w, got %q", err, text)
		}
		target.SetInt(int64(d))
		return nil
	}))
}
