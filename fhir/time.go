package fhir

import (
	"cmp"
	"regexp"
	"time"
)

// Time is the period that a FHIR date, dateTime or instant covers, in UTC: from Low
// to High, exclusive. A time lasts as long as the unit of its last digit.
type Time struct {
	Low, High time.Time

	// Instant reports whether the text is an instant: it has seconds and a time
	// zone.
	Instant bool
}

// timePattern is R4's dateTime, with optional seconds and time zone.
var timePattern = regexp.MustCompile(`^(\d{4})(?:(-\d\d)(?:(-\d\d)(?:(T\d\d:\d\d)(?:(:\d\d)(\.\d+)?)?(Z|[+-](?:0\d|1[0-4]):[0-5]\d)?)?)?)?$`)

// timePrecision is the number of digits of a fraction of a second, as in PostgreSQL.
// Further digits are truncated: rounding could lead into the next second, or year.
const timePrecision = 6

// ParseTime parses a date, dateTime or instant. Without a time zone it is in UTC. A
// leap second counts as second 59. ok is false if the text is invalid.
func ParseTime(text string) (t Time, ok bool) {
	found := timePattern.FindStringSubmatch(text)
	if found == nil || found[1] == "0000" {
		return Time{}, false
	}
	year, month, day, clock, seconds, fraction, zone := found[1], found[2], found[3], found[4], found[5], found[6], found[7]
	if seconds == ":60" {
		seconds = ":59"
	}
	if len(fraction) > 1+timePrecision {
		fraction = fraction[:1+timePrecision]
	}
	written := year + cmp.Or(month, "-01") + cmp.Or(day, "-01") + cmp.Or(clock, "T00:00") + cmp.Or(seconds, ":00") + fraction + cmp.Or(zone, "Z")
	low, err := time.Parse("2006-01-02T15:04:05Z07:00", written)
	if err != nil {
		return Time{}, false
	}
	t = Time{Low: low.UTC(), Instant: seconds != "" && zone != ""}
	t.High = t.Low.Add(time.Second)
	switch {
	case month == "":
		t.High = t.Low.AddDate(1, 0, 0)
	case day == "":
		t.High = t.Low.AddDate(0, 1, 0)
	case clock == "":
		t.High = t.Low.AddDate(0, 0, 1)
	case seconds == "":
		t.High = t.Low.Add(time.Minute)
	case fraction != "":
		unit := time.Second
		for range fraction[1:] {
			unit /= 10
		}
		t.High = t.Low.Add(unit)
	}
	return t, true
}
