package search_test

import (
	"math/big"
	"regexp"
	"strings"
	"time"
	"unicode"

	"encoding/json"

	"golang.org/x/text/cases"
	"golang.org/x/text/unicode/norm"

	"github.com/seed-90096f4d/sluice/fhir/search/params"
)

// The oracle searches decoded FHIR JSON, whereas the code under test lets PostgreSQL
// search the Aidbox format.

// found returns the values at a path of a document. The type of a choice element is a
// step of the path and part of a name in FHIR.
func found(node any, path params.Path) []any {
	if len(path) == 0 {
		return []any{node}
	}
	object, ok := node.(map[string]any)
	if !ok {
		return nil
	}
	step, rest := path[0], path[1:]
	value, ok := object[step.Name]
	if !ok && len(rest) > 0 {
		option := rest[0].Name
		step, rest = rest[0], rest[1:]
		value, ok = object[path[0].Name+strings.ToUpper(option[:1])+option[1:]]
	}
	if !ok {
		return nil
	}
	items, isList := value.([]any)
	if !isList {
		items = []any{value}
	}
	var all []any
	for _, item := range items {
		member, _ := item.(map[string]any)
		switch {
		case item == nil:
		case step.Target != "" && referenceOf(member).resourceType != step.Target:
		case step.Member != "" && member[step.Member] != step.Value:
		default:
			all = append(all, found(item, rest)...)
		}
	}
	return all
}

func text(value any) string { s, _ := value.(string); return s }

// each returns the members of an object, with lists flattened.
func each(node any, names ...string) []any {
	var all []any
	object, _ := node.(map[string]any)
	for _, name := range names {
		switch value := object[name].(type) {
		case nil:
		case []any:
			all = append(all, value...)
		default:
			all = append(all, value)
		}
	}
	return all
}

// isToken compares a value with a code and a system; without a bar, it ignores the
// system.
func isToken(valueType string, value any, system, code string, bar bool) bool {
	object, _ := value.(map[string]any)
	name := "code"
	switch valueType {
	case "CodeableConcept":
		for _, coding := range each(value, "coding") {
			if isToken("Coding", coding, system, code, bar) {
				return true
			}
		}
		return false
	case "Identifier", "ContactPoint":
		name = "value"
	case "Coding":
	case "boolean":
		truth, ok := value.(bool)
		return ok && system == "" && code == map[bool]string{true: "true", false: "false"}[truth]
	default:
		return text(value) == code && value != nil && system == ""
	}
	return object != nil &&
		(code == "" || object[name] == code) &&
		(!bar || system == "" && object["system"] == nil || system != "" && object["system"] == system)
}

// reference is the target of a FHIR reference. url is its text, unless that is Type/id.
type reference struct{ resourceType, id, url string }

var relative = regexp.MustCompile(`^([A-Z][A-Za-z0-9]*)/([^/?# \\]+)(/_history/[^/?#]+)?$`)

func referenceOf(value any) reference {
	object, _ := value.(map[string]any)
	target := text(object["reference"])
	if m := relative.FindStringSubmatch(target); m != nil {
		r := reference{resourceType: m[1], id: m[2]}
		if m[3] != "" {
			r.url = target
		}
		return r
	}
	if strings.HasPrefix(target, "#") {
		return reference{}
	}
	return reference{url: target}
}

// marks are the accents that a search ignores.
var marks = &unicode.RangeTable{R16: []unicode.Range16{
	{Lo: 0x300, Hi: 0x36f, Stride: 1}, {Lo: 0x591, Hi: 0x5bd, Stride: 1}, {Lo: 0x5bf, Hi: 0x5bf, Stride: 1}, {Lo: 0x5c1, Hi: 0x5c2, Stride: 1},
	{Lo: 0x5c4, Hi: 0x5c5, Stride: 1}, {Lo: 0x5c7, Hi: 0x5c7, Stride: 1}, {Lo: 0x64b, Hi: 0x65f, Stride: 1}, {Lo: 0x670, Hi: 0x670, Stride: 1},
	{Lo: 0x1ab0, Hi: 0x1aff, Stride: 1}, {Lo: 0x1dc0, Hi: 0x1dff, Stride: 1}, {Lo: 0x20d0, Hi: 0x20ff, Stride: 1}, {Lo: 0xfe20, Hi: 0xfe2f, Stride: 1},
}}

// stroked are letters that Unicode does not decompose.
var stroked = strings.NewReplacer("ı", "i", "ø", "o", "ł", "l", "đ", "d", "ð", "d", "ħ", "h", "ŧ", "t", "ŋ", "n", "æ", "ae", "œ", "oe", "þ", "th")

// plain removes case and accents: Unicode's case folding of the compatibility
// decomposition.
func plain(s string) string {
	s = strings.Map(func(r rune) rune {
		if unicode.Is(marks, r) {
			return -1
		}
		return r
	}, norm.NFKD.String(s))
	return stroked.Replace(cases.Fold().String(s))
}

// strings returns the texts that a string search compares.
func stringsOf(valueType string, value any) []string {
	items := []any{value}
	switch valueType {
	case "HumanName":
		items = each(value, "text", "family", "given", "prefix", "suffix")
	case "Address":
		items = each(value, "text", "line", "city", "district", "state", "postalCode", "country")
	}
	var all []string
	for _, item := range items {
		if s, ok := item.(string); ok {
			all = append(all, s)
		}
	}
	return all
}

// stretch is an interval of time or of numbers; nil is unbounded.
type stretch[T any] struct{ low, high *T }

// moments returns the interval that a date covers.
func moments(s string) (stretch[time.Time], bool) {
	for layout, last := range map[string]func(time.Time) time.Time{
		"2006":                 func(t time.Time) time.Time { return t.AddDate(1, 0, 0) },
		"2006-01":              func(t time.Time) time.Time { return t.AddDate(0, 1, 0) },
		"2006-01-02":           func(t time.Time) time.Time { return t.AddDate(0, 0, 1) },
		"2006-01-02T15:04:05Z": func(t time.Time) time.Time { return t.Add(time.Microsecond) },
		time.RFC3339:           func(t time.Time) time.Time { return t.Add(time.Microsecond) },
		"2006-01-02T15:04:05":  func(t time.Time) time.Time { return t.Add(time.Microsecond) },
	} {
		if t, err := time.Parse(layout, s); err == nil && s[:4] != "0000" && !strings.Contains(s, ",") {
			low := t.UTC().Truncate(time.Microsecond)
			high := last(low)
			return stretch[time.Time]{&low, &high}, true
		}
	}
	return stretch[time.Time]{}, false
}

// stretchOf returns the interval of a value.
func stretchOf(valueType string, value any) (stretch[time.Time], bool) {
	object, _ := value.(map[string]any)
	switch valueType {
	case "Period":
		start, hasStart := object["start"].(string)
		end, hasEnd := object["end"].(string)
		first, startOK := moments(start)
		last, endOK := moments(end)
		return stretch[time.Time]{first.low, last.high}, (startOK || !hasStart) && (endOK || !hasEnd) && (hasStart || hasEnd)
	case "Timing":
		var all []stretch[time.Time]
		for _, event := range each(value, "event") {
			if s, ok := moments(text(event)); ok {
				all = append(all, s)
			}
		}
		for _, repeat := range each(value, "repeat") {
			for _, bounds := range each(repeat, "boundsPeriod") {
				if s, ok := stretchOf("Period", bounds); ok {
					all = append(all, s)
				}
			}
		}
		return outermost(all), len(all) > 0
	}
	return moments(text(value))
}

func outermost(all []stretch[time.Time]) stretch[time.Time] {
	if len(all) == 0 {
		return stretch[time.Time]{}
	}
	whole := all[0]
	for _, s := range all {
		if s.low == nil || whole.low != nil && s.low.Before(*whole.low) {
			whole.low = s.low
		}
		if s.high == nil || whole.high != nil && s.high.After(*whole.high) {
			whole.high = s.high
		}
	}
	return whole
}

// compares reports whether a stored interval and the one searched for compare as the
// prefix requires (R4, "Search", on dates).
func compares(prefix string, stored, wanted stretch[time.Time]) bool {
	within := stored.low != nil && stored.high != nil && !stored.low.Before(*wanted.low) && !stored.high.After(*wanted.high)
	later := stored.high == nil || stored.high.After(*wanted.high)
	earlier := stored.low == nil || stored.low.Before(*wanted.low)
	switch prefix {
	case "ne":
		return !within
	case "gt":
		return later
	case "lt":
		return earlier
	case "ge":
		return later || within
	case "le":
		return earlier || within
	case "sa":
		return stored.low != nil && !stored.low.Before(*wanted.high)
	case "eb":
		return stored.high != nil && !stored.high.After(*wanted.low)
	case "ap":
		length := wanted.high.Sub(*wanted.low)
		from, to := wanted.low.Add(-length), wanted.high.Add(length)
		return (stored.low == nil || stored.low.Before(to)) && (stored.high == nil || stored.high.After(from))
	}
	return within
}

// comparesNumber does the same for numbers; an exact number is an interval without
// length.
func comparesNumber(prefix string, stored stretch[big.Rat], number string) bool {
	value, _ := new(big.Rat).SetString(number)
	half := big.NewRat(1, 2)
	mantissa, exponent, _ := strings.Cut(strings.ToLower(number), "e")
	_, decimals, _ := strings.Cut(mantissa, ".")
	scale, _ := new(big.Rat).SetString("1e" + cmpOr(exponent, "0"))
	half.Mul(half, scale)
	for range decimals {
		half.Quo(half, big.NewRat(10, 1))
	}
	low, high := new(big.Rat).Sub(value, half), new(big.Rat).Add(value, half)
	tenth := new(big.Rat).Abs(new(big.Rat).Quo(value, big.NewRat(10, 1)))

	within := stored.low != nil && stored.high != nil && stored.low.Cmp(low) >= 0 && stored.high.Cmp(high) < 0
	switch prefix {
	case "ne":
		return !within
	case "gt":
		return stored.high == nil || stored.high.Cmp(value) > 0
	case "ge":
		return stored.high == nil || stored.high.Cmp(value) >= 0
	case "lt":
		return stored.low == nil || stored.low.Cmp(value) < 0
	case "le":
		return stored.low == nil || stored.low.Cmp(value) <= 0
	case "sa":
		return stored.low != nil && stored.low.Cmp(value) > 0
	case "eb":
		return stored.high != nil && stored.high.Cmp(value) < 0
	case "ap":
		return (stored.low == nil || stored.low.Cmp(new(big.Rat).Add(value, tenth)) <= 0) &&
			(stored.high == nil || stored.high.Cmp(new(big.Rat).Sub(value, tenth)) >= 0)
	}
	return within
}

func cmpOr(a, b string) string {
	if a == "" {
		return b
	}
	return a
}

// numberOf parses a number.
func numberOf(value any) (*big.Rat, bool) {
	n, ok := value.(json.Number)
	if !ok {
		return nil, false
	}
	return new(big.Rat).SetString(n.String())
}

// numbersOf returns the interval of a number, a Quantity or a Range.
func numbersOf(valueType string, value any) (stretch[big.Rat], bool) {
	object, isObject := value.(map[string]any)
	switch {
	case valueType == "Range":
		low, _ := object["low"].(map[string]any)
		high, _ := object["high"].(map[string]any)
		from, fromOK := numberOf(low["value"])
		to, toOK := numberOf(high["value"])
		return stretch[big.Rat]{from, to}, fromOK || toOK
	case isObject:
		value = object["value"]
	}
	n, ok := numberOf(value)
	return stretch[big.Rat]{n, n}, ok
}

// hasUnit reports whether a Quantity, Money or Range has a unit.
func hasUnit(valueType string, value any, system, code string) bool {
	object, _ := value.(map[string]any)
	switch valueType {
	case "Money":
		return (system == "" || system == "urn:iso:std:iso:4217") && (code == "" || object["currency"] == code)
	case "Range":
		for _, end := range each(value, "low", "high") {
			if !hasUnit("Quantity", end, system, code) {
				return false
			}
		}
		return true
	}
	return (system == "" || object["system"] == system) &&
		(code == "" || object["code"] == code || system == "" && object["unit"] == code)
}

type stretchT = stretch[time.Time]

// span returns the interval of a duration from a time.
func span(s, layout string, length time.Duration) stretchT {
	low, _ := time.Parse(layout, s)
	high := low.Add(length)
	return stretchT{&low, &high}
}
