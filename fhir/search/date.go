package search

import (
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
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

// clockSQL is the date and time %x as fhir.ParseTime reads it, where a cast would
// round: with six digits of a fraction of a second, and a leap second as 59.
const clockSQL = `replace(regexp_replace(%x, '([.][0-9]{6})[0-9]+', '\1'), ':60', ':59')`

// lowSQL is when the date %x begins, as a timestamp in UTC; null if it is none.
const lowSQL = `CASE WHEN %x !~ '` + datePattern + `' THEN NULL
	WHEN length(%x) = 4 THEN (%x || '-01-01')::timestamp
	WHEN length(%x) = 7 THEN (%x || '-01')::timestamp
	WHEN %x ~ 'T.*[Z+-]' THEN (` + clockSQL + `)::timestamptz AT TIME ZONE 'UTC'
	WHEN length(%x) = 10 THEN %x::timestamp
	ELSE (` + clockSQL + `)::timestamp END`

// moment writes when a date begins that an SQL expression holds as text: a
// timestamp in UTC, or null where it is none.
func moment(expression string) string { return strings.ReplaceAll(lowSQL, "%x", "("+expression+")") }

// lengthSQL is how long the date %x lasts. With a time it is a moment.
const lengthSQL = `CASE length(%x) WHEN 4 THEN interval '1 year' WHEN 7 THEN interval '1 month'
	WHEN 10 THEN interval '1 day' ELSE interval '1 microsecond' END`

// pointSQL is the span of each date at the path %p of the document %r.
const pointSQL = `SELECT low, low + ` + lengthSQL + ` AS high FROM (SELECT e.x, ` + lowSQL + ` AS low
	FROM (SELECT jsonb_path_query(%r, '%p ? (@.type() == "string")') #>> '{}' OFFSET 0) AS e(x) OFFSET 0) AS e`

// periodSQL is the span of each Period there. It lasts for ever where it has no
// start or no end, and is none without both.
const periodSQL = `SELECT low, high FROM (SELECT
	CASE WHEN e.v ->> 'start' IS NULL THEN '-infinity' ELSE %s END AS low,
	CASE WHEN e.v ->> 'end' IS NULL THEN 'infinity' ELSE %e END AS high
	FROM jsonb_path_query(%r, '%p') AS e(v)
	WHERE coalesce(e.v ->> 'start', e.v ->> 'end') IS NOT NULL) AS period`

// timingSQL is the time from the first to the last event of each Timing, or the
// bounds of its repetition.
const timingSQL = `SELECT span.low, span.high FROM jsonb_path_query(%r, '%p') AS timing(v)
	CROSS JOIN LATERAL (SELECT min(low) AS low, max(high) AS high FROM (%t) AS t) AS span`

// pointSpans, periodSpans and timingSpans write those for a document and a path.
func pointSpans(root, path string) string {
	return strings.NewReplacer("%x", "e.x", "%r", root, "%p", path).Replace(pointSQL)
}

func periodSpans(root, path string) string {
	start := strings.ReplaceAll(lowSQL, "%x", "(e.v ->> 'start')")
	end := strings.ReplaceAll(lowSQL+" + "+lengthSQL, "%x", "(e.v ->> 'end')")
	return strings.NewReplacer("%s", start, "%e", end, "%r", root, "%p", path).Replace(periodSQL)
}

func timingSpans(root, path string) string {
	parts := pointSpans("timing.v", `$."event"[*]`) + " UNION ALL " + periodSpans("timing.v", `$."repeat"."bounds"."Period"`)
	return strings.NewReplacer("%t", parts, "%r", root, "%p", path).Replace(timingSQL)
}

// spanConditions compare a stored span with the one asked for, %l to %h, as R4
// has it: "3.1.1.4.8 date", where gt means that some of it comes after.
var spanConditions = map[string]string{
	"eq": "s.low >= %l AND s.high <= %h",
	"ne": "NOT (s.low >= %l AND s.high <= %h)",
	"gt": "s.high > %h",
	"lt": "s.low < %l",
	"ge": "s.high > %h OR s.low >= %l AND s.high <= %h",
	"le": "s.low < %l OR s.low >= %l AND s.high <= %h",
	"sa": "s.low >= %h",
	"eb": "s.high <= %l",
	"ap": "s.low < %h AND s.high > %l",
}

// dateValue compiles one value of a date parameter.
func dateValue(place fhir.Place, modifier, text string) (predicate, error) {
	if modifier != "" {
		return nil, unsupportedModifier(modifier, "missing")
	}
	comparison, wanted, err := parseComparison(text)
	if err != nil {
		return nil, err
	}
	spans := pointSpans
	switch place.Type {
	case "Period":
		spans = periodSpans
	case "Timing":
		spans = timingSpans
	}
	path := jsonPath(place.Path)
	any := exists(place.Path) // much cheaper, and most resources have nothing at most places
	return func(root string, args *arguments) string {
		return "(" + any(root, args) + " AND EXISTS (SELECT FROM (" + spans(root, path) + ") AS s WHERE " +
			compare(spanConditions[comparison], wanted, "timestamp", args) + "))"
	}, nil
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

// compare writes one of the conditions above with the ends of a span in it, as
// arguments of an SQL type.
func compare(condition string, wanted span, sqlType string, args *arguments) string {
	if strings.Contains(condition, "%l") {
		condition = strings.ReplaceAll(condition, "%l", args.bind(postgres(wanted.low), sqlType))
	}
	if strings.Contains(condition, "%h") {
		condition = strings.ReplaceAll(condition, "%h", args.bind(postgres(wanted.high), sqlType))
	}
	return condition
}
