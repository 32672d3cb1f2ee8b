package cli

import (
	"fmt"
	"math"
	"reflect"
	"regexp"
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
	{Key: "login", Title: "Login:"},
	{Key: "request", Title: "Export:"},
	{Key: "files", Title: "Files:"},
	{Key: "transfer", Title: "Requests and downloads:"},
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

// parseSize parses a size.
func parseSize(text string) (size, error) {
	bytes, err := humanize.ParseBytes(text)
	if err != nil || bytes > math.MaxInt64 {
		return 0, fmt.Errorf("must be a size such as 256MiB, got %q", text)
	}
	return size(bytes), nil
}

const day = 24 * time.Hour

// inDays matches a duration that begins with days.
var inDays = regexp.MustCompile(`^(-?)([0-9.]+)d(.*)$`)

// parseDuration is time.ParseDuration with days, which come first.
func parseDuration(text string) (time.Duration, error) {
	inHours := text
	if parts := inDays.FindStringSubmatch(text); parts != nil {
		if days, err := strconv.ParseFloat(parts[2], 64); err == nil {
			inHours = fmt.Sprintf("%s%fh%s", parts[1], 24*days, parts[3])
		}
	}
	d, err := time.ParseDuration(inHours)
	if err != nil {
		return 0, fmt.Errorf("must be a duration such as 90s, 12h, 7d or 1d12h, got %q", text)
	}
	return d, nil
}

// mapper makes kong parse the values of a type with a function.
func mapper[T any](parse func(text string) (T, error)) kong.Option {
	return kong.TypeMapper(reflect.TypeFor[T](), kong.MapperFunc(func(ctx *kong.DecodeContext, target reflect.Value) error {
		var text string
		if err := ctx.Scan.PopValueInto("value", &text); err != nil {
			return err
		}
		value, err := parse(text)
		if err == nil {
			target.Set(reflect.ValueOf(value))
		}
		return err
	}))
}
