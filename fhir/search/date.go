package search

import (
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/fhir/search/params"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// A stored date is only cast to a timestamp if it matches datePattern, since the cast of
// an invalid date fails: a year, a month, an existing day, or a day with a time.
const (
	yearPattern  = `(?:[1-9][0-9]{3}|0[1-9][0-9][0-9]|00[1-9][0-9]|000[1-9])`
	leapPattern  = `(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)`
	dayPattern   = `(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))`
	clockPattern = `T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:[.][0-9]{1,30})?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?`

	datePattern = `^(?:` + yearPattern + `(?:-(?:0[1-9]|1[0-2]))?|` +
		`(?:` + yearPattern + `-` + dayPattern + `|` + leapPattern + `-02-29)(?:` + clockPattern + `)?)$`
)

// clockSQL is the date and time {x} as fhir.ParseTime parses it: with six digits of a
// fraction of a second, which a cast would round, and a leap second as 59.
const clockSQL = `replace(regexp_replace({x}, '([.][0-9]{6})[0-9]+', '\1'), ':60', ':59')`

// lowSQL is the beginning of the date {x}, as a timestamp in UTC, or null if it is
// invalid.
const lowSQL = `CASE WHEN {x} !~ '` + datePattern + `' THEN NULL
	WHEN length({x}) = 4 THEN ({x} || '-01-01')::timestamp
	WHEN length({x}) = 7 THEN ({x} || '-01')::timestamp
	WHEN {x} ~ 'T.*[Z+-]' THEN (` + clockSQL + `)::timestamptz AT TIME ZONE 'UTC'
	WHEN length({x}) = 10 THEN {x}::timestamp
	ELSE (` + clockSQL + `)::timestamp END`

// moment returns the beginning of a date, an expression of type text, as a timestamp in
// UTC, or null if it is invalid.
func moment(expression string) sqltext.Fragment { return dateSQL(lowSQL, "("+expression+")") }

// dateSQL fills {x}, the date, with an expression of type text.
func dateSQL(template, date string) sqltext.Fragment {
	return sqltext.New(template, sqltext.Values{"x": sqltext.Text(date)})
}

// lengthSQL is the duration of the date {x}. One with a time is an instant.
const lengthSQL = `CASE length({x}) WHEN 4 THEN interval '1 year' WHEN 7 THEN interval '1 month'
	WHEN 10 THEN interval '1 day' ELSE interval '1 microsecond' END`

// pointSQL is the span of each date at the path {path} of the document {root}.
const pointSQL = `SELECT low, low + ` + lengthSQL + ` AS high FROM (SELECT e.x, ` + lowSQL + ` AS low
	FROM (SELECT jsonb_path_query({root}, '{path} ? (@.type() == "string")') #>> '{}' OFFSET 0) AS e(x) OFFSET 0) AS e`

// periodSQL is the span of each Period at the path. One without a start or an end is
// unbounded, and one without both has no span.
const periodSQL = `SELECT low, high FROM (SELECT
	CASE WHEN e.v ->> 'start' IS NULL THEN '-infinity' ELSE {start} END AS low,
	CASE WHEN e.v ->> 'end' IS NULL THEN 'infinity' ELSE {end} END AS high
	FROM jsonb_path_query({root}, '{path}') AS e(v)
	WHERE coalesce(e.v ->> 'start', e.v ->> 'end') IS NOT NULL) AS period`

// timingSQL is the span of each Timing at the path: from its first to its last event, or
// the bounds of its repetition.
const timingSQL = `SELECT span.low, span.high FROM jsonb_path_query({root}, '{path}') AS timing(v)
	CROSS JOIN LATERAL (SELECT min(low) AS low, max(high) AS high FROM ({spans}) AS t) AS span`

// pointSpans, periodSpans and timingSpans return the spans at a path of {root}.
func pointSpans(path string) sqltext.Fragment {
	return sqltext.New(pointSQL, sqltext.Values{"x": sqltext.Text("e.x"), "path": sqltext.Text(path)})
}

func periodSpans(path string) sqltext.Fragment {
	return sqltext.New(periodSQL, sqltext.Values{
		"start": dateSQL(lowSQL, "(e.v ->> 'start')"),
		"end":   dateSQL(lowSQL+" + "+lengthSQL, "(e.v ->> 'end')"),
		"path":  sqltext.Text(path),
	})
}

func timingSpans(path string) sqltext.Fragment {
	events, bounds := pointSpans(`$."event"[*]`), periodSpans(`$."repeat"."bounds"."Period"`)
	return sqltext.New(timingSQL, sqltext.Values{
		"spans": rootAt(sqltext.Join([]sqltext.Fragment{events, bounds}, " UNION ALL "), "timing.v"),
		"path":  sqltext.Text(path),
	})
}

// spanConditions compare a stored span with the span searched for, {low} to {high}, as
// defined in R4, "3.1.1.4.8 date": gt matches if a part of it is later.
var spanConditions = map[string]string{
	"eq": "s.low >= {low} AND s.high <= {high}",
	"ne": "NOT (s.low >= {low} AND s.high <= {high})",
	"gt": "s.high > {high}",
	"lt": "s.low < {low}",
	"ge": "s.high > {high} OR s.low >= {low} AND s.high <= {high}",
	"le": "s.low < {low} OR s.low >= {low} AND s.high <= {high}",
	"sa": "s.low >= {high}",
	"eb": "s.high <= {low}",
	"ap": "s.low < {high} AND s.high > {low}",
}

// dateValue compiles a value of a date parameter.
func dateValue(element params.Element, modifier, text string) (predicate, error) {
	if modifier != "" {
		return predicate{}, unsupportedModifier(modifier, "missing")
	}
	comparison, wanted, err := parseComparison(text)
	if err != nil {
		return predicate{}, err
	}
	spans := pointSpans
	switch element.Type {
	case "Period":
		spans = periodSpans
	case "Timing":
		spans = timingSpans
	}
	return sqltext.New("({exists} AND EXISTS (SELECT FROM ({spans}) AS s WHERE {comparison}))", sqltext.Values{
		"exists":     exists(element.Path), // much cheaper, and most resources do not have most elements
		"spans":      spans(jsonPath(element.Path)),
		"comparison": compare(spanConditions[comparison], wanted, "timestamp"),
	}), nil
}

// parseComparison parses a date with its prefix.
func parseComparison(text string) (comparison string, wanted span, err error) {
	comparison, rest := prefixed(text)
	if wanted, err = parseSpan(rest); err != nil {
		return "", span{}, err
	}
	if comparison == "ap" {
		wanted = wanted.around()
	}
	return comparison, wanted, nil
}

// compare returns a condition with the limits of a span as arguments of an SQL type.
func compare(condition string, wanted span, sqlType string) sqltext.Fragment {
	return sqltext.New(condition, sqltext.Values{
		"low":  sqltext.Arg(postgres(wanted.low), sqlType),
		"high": sqltext.Arg(postgres(wanted.high), sqlType),
	})
}

// span is the period that a date covers, from low to high, exclusive: a day, a month, a
// year, or the unit of the last digit of a time.
type span struct{ low, high time.Time }

// parseSpan parses a date of a search. One without a time zone is in UTC. A space is
// read as the plus sign that it was before the URL was decoded.
func parseSpan(text string) (span, error) {
	text = strings.Replace(text, " ", "+", 1)
	parsed, ok := fhir.ParseTime(text)
	if !ok {
		return span{}, invalid("invalid date %q", text)
	}
	return span{parsed.Low, parsed.High}, nil
}

// around returns the span extended by its length on both sides.
func (s span) around() span {
	length := s.high.Sub(s.low)
	return span{s.low.Add(-length), s.high.Add(length)}
}

// postgres returns a time in PostgreSQL's syntax, whose years begin with 1.
func postgres(t time.Time) string {
	if t.Year() < 1 {
		return "-infinity"
	}
	return t.Format("2006-01-02 15:04:05.999999Z") // Format truncates, PostgreSQL would round
}
