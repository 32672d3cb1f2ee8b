package search

import (
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/fhir/search/params"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// A stored date is only cast to a timestamp if it is one of these, since a cast
// fails of what is none: a year, a month, a day there is, or that with a time.
const (
	yearPattern  = `(?:[1-9][0-9]{3}|0[1-9][0-9][0-9]|00[1-9][0-9]|000[1-9])`
	leapPattern  = `(?:[0-9][0-9](?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)`
	dayPattern   = `(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))`
	clockPattern = `T(?:[01][0-9]|2[0-3]):[0-5][0-9]:(?:[0-5][0-9]|60)(?:[.][0-9]{1,30})?(?:Z|[+-](?:0[0-9]|1[0-4]):[0-5][0-9])?`

	datePattern = `^(?:` + yearPattern + `(?:-(?:0[1-9]|1[0-2]))?|` +
		`(?:` + yearPattern + `-` + dayPattern + `|` + leapPattern + `-02-29)(?:` + clockPattern + `)?)$`
)

// clockSQL is the date and time {x} as fhir.ParseTime reads it, where a cast would
// round: with six digits of a fraction of a second, and a leap second as 59.
const clockSQL = `replace(regexp_replace({x}, '([.][0-9]{6})[0-9]+', '\1'), ':60', ':59')`

// lowSQL is when the date {x} begins, as a timestamp in UTC; null if it is none.
const lowSQL = `CASE WHEN {x} !~ '` + datePattern + `' THEN NULL
	WHEN length({x}) = 4 THEN ({x} || '-01-01')::timestamp
	WHEN length({x}) = 7 THEN ({x} || '-01')::timestamp
	WHEN {x} ~ 'T.*[Z+-]' THEN (` + clockSQL + `)::timestamptz AT TIME ZONE 'UTC'
	WHEN length({x}) = 10 THEN {x}::timestamp
	ELSE (` + clockSQL + `)::timestamp END`

// moment returns when the date begins that an SQL expression holds as text: a
// timestamp in UTC, or null if it is none.
func moment(expression string) sqltext.Fragment { return dateSQL(lowSQL, "("+expression+")") }

// dateSQL fills {x}, the date, with an expression of type text.
func dateSQL(template, date string) sqltext.Fragment {
	return sqltext.New(template, sqltext.Values{"x": sqltext.Text(date)})
}

// lengthSQL is how long the date {x} lasts. With a time it is a moment.
const lengthSQL = `CASE length({x}) WHEN 4 THEN interval '1 year' WHEN 7 THEN interval '1 month'
	WHEN 10 THEN interval '1 day' ELSE interval '1 microsecond' END`

// pointSQL is the span of each date at the path {path} of the document {root}.
const pointSQL = `SELECT low, low + ` + lengthSQL + ` AS high FROM (SELECT e.x, ` + lowSQL + ` AS low
	FROM (SELECT jsonb_path_query({root}, '{path} ? (@.type() == "string")') #>> '{}' OFFSET 0) AS e(x) OFFSET 0) AS e`

// periodSQL is the span of each Period there. It lasts for ever where it has no
// start or no end, and is none without both.
const periodSQL = `SELECT low, high FROM (SELECT
	CASE WHEN e.v ->> 'start' IS NULL THEN '-infinity' ELSE {start} END AS low,
	CASE WHEN e.v ->> 'end' IS NULL THEN 'infinity' ELSE {end} END AS high
	FROM jsonb_path_query({root}, '{path}') AS e(v)
	WHERE coalesce(e.v ->> 'start', e.v ->> 'end') IS NOT NULL) AS period`

// timingSQL is the time from the first to the last event of each Timing, or the
// bounds of its repetition.
const timingSQL = `SELECT span.low, span.high FROM jsonb_path_query({root}, '{path}') AS timing(v)
	CROSS JOIN LATERAL (SELECT min(low) AS low, max(high) AS high FROM ({spans}) AS t) AS span`

// pointSpans, periodSpans and timingSpans return those for a path of {root}.
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

// spanConditions compare a stored span with the one asked for, {low} to {high}, as R4
// has it: "3.1.1.4.8 date", where gt means that some of it comes after.
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

// dateValue compiles one value of a date parameter.
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
		"exists":     exists(element.Path), // much cheaper, and most resources have nothing at most elements
		"spans":      spans(jsonPath(element.Path)),
		"comparison": compare(spanConditions[comparison], wanted, "timestamp"),
	}), nil
}

// parseComparison reads a date with its prefix.
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

// compare returns one of the conditions above with the ends of a span in it, as
// arguments of an SQL type.
func compare(condition string, wanted span, sqlType string) sqltext.Fragment {
	return sqltext.New(condition, sqltext.Values{
		"low":  sqltext.Arg(postgres(wanted.low), sqlType),
		"high": sqltext.Arg(postgres(wanted.high), sqlType),
	})
}

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
