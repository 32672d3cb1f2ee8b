package api

import (
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/fhir"
)

// The first and the last time that a bound can have. The zero time means that
// there is no bound, and a later year cannot be written.
var (
	minTime = time.Time{}.Add(time.Microsecond)
	maxTime = time.Date(9999, time.December, 31, 23, 59, 59, 999_999_000, time.UTC)
)

// parseTime reads a point in time: of a year, a month or a day, its beginning;
// without a zone, UTC. A zone can lead beyond the years 1 to 9999; the time then
// counts as their first or last. A zone's plus that reached us as a space,
// because it was not percent-encoded, is understood.
func parseTime(value string) (time.Time, bool) {
	if before, after, found := strings.Cut(value, " "); found && strings.Contains(before, "T") {
		value = before + "+" + after
	}
	read, ok := fhir.ParseTime(value)
	switch {
	case !ok:
		return time.Time{}, false
	case read.Low.Before(minTime):
		return minTime, true
	case read.Low.After(maxTime):
		return maxTime, true
	}
	return read.Low, true
}
