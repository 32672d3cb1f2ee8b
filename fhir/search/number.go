package search

import (
	"encoding/json"
	"fmt"
	"math/big"
	"regexp"
	"strconv"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir/search/params"
)

// A number is a decimal as it was written: digits times ten to the exponent.
// How many digits there are is how exact it is meant to be.
type number struct {
	digits   *big.Int
	exponent int
}

// numbers are written like this. The length bounds the work.
var numbers = regexp.MustCompile(`^([+-]?\d{1,400})(?:\.(\d{1,400}))?(?:[eE]([+-]?\d{1,400}))?$`)

// maxExponent keeps a value within what PostgreSQL's numeric holds. No number that is
// stored is beyond it in practice, so a larger exponent compares as this one does.
const maxExponent = 10_000

func parseNumber(text string) (number, error) {
	m := numbers.FindStringSubmatch(text)
	if m == nil {
		return number{}, invalid("%q is not a number", text)
	}
	digits, _ := new(big.Int).SetString(strings.TrimPrefix(m[1]+m[2], "+"), 10)
	exponent, _ := strconv.Atoi(m[3]) // empty is 0, and what is out of range the limit of an int
	return number{digits, max(-maxExponent, min(exponent, maxExponent)) - len(m[2])}, nil
}

// times returns (digits*factor + add) * 10^(exponent-1), as JSON: a factor of 10
// is the number itself.
func (n number) times(factor, add int64) json.Number {
	digits := new(big.Int).Mul(n.digits, big.NewInt(factor))
	return json.Number(fmt.Sprintf("%de%d", digits.Add(digits, big.NewInt(add)), n.exponent-1))
}

// An interval is the values that a comparison is about.
type interval struct {
	comparison string
	values     map[string]any
}

// bounds are the names under which the conditions below know the number, and
// the limits around it: half of its last digit for eq and ne, a tenth of it for
// ap.
func (n number) bounds(comparison string) interval {
	low, high := n.times(10, -5), n.times(10, 5)
	if comparison == "ap" {
		if low, high = n.times(9, 0), n.times(11, 0); n.digits.Sign() < 0 {
			low, high = high, low
		}
	}
	values := map[string]any{"number": n.times(10, 0)}
	if comparison == "eq" || comparison == "ne" || comparison == "ap" {
		values = map[string]any{"low": low, "high": high}
	}
	return interval{comparison, values}
}

// numberConditions compare a number, %s, with what was asked for.
var numberConditions = map[string]string{
	"eq": "%s >= $low && %s < $high",
	"ne": "%s < $low || %s >= $high",
	"gt": "%s > $number", "sa": "%s > $number",
	"lt": "%s < $number", "eb": "%s < $number",
	"ge": "%s >= $number",
	"le": "%s <= $number",
	"ap": "%s >= $low && %s <= $high",
}

// rangeConditions compare a Range, which may be open at one end.
var rangeConditions = map[string]string{
	"eq": `@."low"."value" >= $low && @."high"."value" < $high`,
	"ne": `@."low"."value" < $low || @."high"."value" >= $high || !exists(@."low"."value") || !exists(@."high"."value")`,
	"gt": `@."high"."value" > $number || !exists(@."high"."value")`,
	"ge": `@."high"."value" >= $number || !exists(@."high"."value")`,
	"lt": `@."low"."value" < $number || !exists(@."low"."value")`,
	"le": `@."low"."value" <= $number || !exists(@."low"."value")`,
	"sa": `@."low"."value" > $number`,
	"eb": `@."high"."value" < $number`,
	"ap": `(@."low"."value" <= $high || !exists(@."low"."value")) && (@."high"."value" >= $low || !exists(@."high"."value"))`,
}

// isRange holds for a Range with at least one end.
const isRange = `(exists(@."low"."value") || exists(@."high"."value"))`

// condition returns what a value of a type has to meet, where member leads from
// it to its number.
func (i interval) condition(valueType, member string) string {
	if valueType == "Range" {
		return "(" + rangeConditions[i.comparison] + ") && " + isRange
	}
	return "(" + strings.ReplaceAll(numberConditions[i.comparison], "%s", member) + ")"
}

// numberValue compiles one value of a number parameter.
func numberValue(element params.Element, modifier, text string) (predicate, error) {
	if modifier != "" {
		return predicate{}, unsupportedModifier(modifier, "missing")
	}
	comparison, rest := prefixed(text)
	n, err := parseNumber(rest)
	if err != nil {
		return predicate{}, err
	}
	wanted := n.bounds(comparison)
	return matches(element.Path, wanted.condition(element.Type, "@"), wanted.values), nil
}
