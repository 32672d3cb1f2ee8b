package search

import (
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/fhir"
)

// A span is the time that a date stands for: a day, a month or a year, or the
// moment of a date with a time. Low belongs to it, high no more.
type span struct{ low, high time.Time }

// parseSpan reads a date of a search. One without a zone is in UTC. A plus sign
// that came as a blank, as it does in URLs, is taken for what it was.
func parseSpan(text string) (span, error) {
	text = strings.Replace(text, " ", "+", 1)
	read, ok := fhir.ParseTime(text)
	if !ok {
		return span{}, invalid("%q is not a date", text)
	}
	return span{read.Low, read.High}, nil
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
	return t.Format("2006-01-02 15:04:05.999999Z") // Format truncates, PostgreSQL would round
}
