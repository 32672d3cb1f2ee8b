package search

import (
	"regexp"
	"strings"
	"time"
)

// A span is the time that a date stands for: a day, a month or a year, or the
// moment of a date with a time. Low belongs to it, high no more.
type span struct{ low, high time.Time }

// dates are written like this in a search; the minute is enough for a time.
var dates = regexp.MustCompile(`^\d{4}(-\d\d(-\d\d(T\d\d:\d\d(:\d\d(\.\d{1,9})?)?(Z|[+-]\d\d:\d\d)?)?)?)?$`)

// layouts are those forms by their lengths, without the zone.
var layouts = map[int]struct {
	layout string
	length func(time.Time) time.Time
}{
	4:  {"2006", func(t time.Time) time.Time { return t.AddDate(1, 0, 0) }},
	7:  {"2006-01", func(t time.Time) time.Time { return t.AddDate(0, 1, 0) }},
	10: {"2006-01-02", func(t time.Time) time.Time { return t.AddDate(0, 0, 1) }},
	16: {"2006-01-02T15:04", func(t time.Time) time.Time { return t.Add(time.Minute) }},
	19: {"2006-01-02T15:04:05", func(t time.Time) time.Time { return t.Add(time.Second) }},
}

// parseSpan reads a date of a search. One without a zone is in UTC. A plus sign
// that came as a blank, as it does in URLs, is taken for what it was.
func parseSpan(text string) (span, error) {
	text = strings.Replace(text, " ", "+", 1)
	if !dates.MatchString(text) {
		return span{}, invalid("%q is not a date", text)
	}
	moment, zone := text, ""
	if i := strings.IndexAny(text, "Z+"); i > 0 {
		moment, zone = text[:i], text[i:]
	} else if i := strings.LastIndexByte(text, '-'); i > len("2006-01-02T") {
		moment, zone = text[:i], text[i:]
	}
	fraction := ""
	if i := strings.IndexByte(moment, '.'); i > 0 {
		moment, fraction = moment[:i], moment[i+1:]
	}
	form := layouts[len(moment)]
	if zone == "" {
		zone = "Z"
	}
	low, err := time.Parse(form.layout+"Z07:00", moment+zone)
	if err != nil || low.Year() == 0 {
		return span{}, invalid("%q is not a date", text)
	}
	low = low.UTC()
	if fraction == "" {
		return span{low, form.length(low)}, nil
	}
	unit := time.Second
	for range fraction {
		unit /= 10
	}
	digits, _ := time.ParseDuration("0." + fraction + "s") // digits only
	low = low.Add(digits)
	return span{low, low.Add(max(unit, time.Microsecond))}, nil
}

// around returns the span widened by its own length on both sides: what is
// about that time.
func (s span) around() span {
	length := s.high.Sub(s.low)
	return span{s.low.Add(-length), s.high.Add(length)}
}

// postgres writes a time for PostgreSQL, for which years begin with 1.
func postgres(t time.Time) string {
	if t.Year() < 1 {
		return "-infinity"
	}
	return t.Format("2006-01-02 15:04:05.999999999Z")
}
