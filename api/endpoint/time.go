package endpoint

import (
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/fhir"
)

// The limits of a point in time. The zero time means that there is none, and later
// years cannot be written.
var (
	minTime = time.Time{}.Add(time.Microsecond)
	maxTime = time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// ParseTime parses a point in time. A year, month or day means its beginning, and
// a time without a zone is UTC. A zone can lead outside the years 1 to 9999; the
// result is then limited to them. The plus sign of a zone that was not
// percent-encoded, and so was decoded to a space, is restored.
func ParseTime(value string) (time.Time, bool) {
	if before, after, found := strings.Cut(value, " "); found && strings.Contains(before, "T") {
		value = before + "+" + after
	}
	parsed, ok := fhir.ParseTime(value)
	switch {
	case !ok:
		return time.Time{}, false
	case parsed.Low.Before(minTime):
		return minTime, true
	case parsed.Low.After(maxTime):
		return maxTime, true
	}
	return parsed.Low, true
}
