package api

import (
	"strings"
	"time"
)

// timeLayouts are FHIR's date, dateTime and instant (R4, "Primitive Types"),
// and a time without seconds. Go reads a fraction of seconds behind each.
var timeLayouts = []string{
	"2006",
	"2006-01",
	"2006-01-02",
	"2006-01-02T15:04Z07:00",
	"2006-01-02T15:04",
	"2006-01-02T15:04:05Z07:00",
	"2006-01-02T15:04:05",
}

// parseTime reads a point in time: of a year, a month or a day, its beginning;
// without a zone, UTC. A zone's plus that reached us as a space, because it was
// not percent-encoded, is understood.
func parseTime(value string) (time.Time, bool) {
	if before, after, found := strings.Cut(value, " "); found && strings.Contains(before, "T") {
		value = before + "+" + after
	}
	for _, layout := range timeLayouts {
		at, err := time.Parse(layout, value)
		// The year 0 is none of FHIR's, and Go's zero time means no bound.
		if err == nil && at.Year() > 0 && !at.IsZero() {
			return at.UTC(), true
		}
	}
	return time.Time{}, false
}
