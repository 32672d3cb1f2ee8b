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

// number is a decimal number: digits times ten to the exponent. The number of digits is
// its precision.
type number struct {
	digits   *big.Int
	exponent int
}

// numbers is the syntax of a number. The length limits the work.
var numbers = regexp.MustCompile(`^([+-]?\d{1,400})(?:\.(\d{1,400}))?(?:[eE]([+-]?\d{1,400}))?$`)

// maxExponent keeps a value in the range of PostgreSQL's numeric. A larger exponent
// compares as this one does, since no stored number is beyond it in practice.
const maxExponent = 10_000

func parseNumber(text string) (number, error) {
	m := numbers.FindStringSubmatch(text)
	if m == nil {
		return number{}, invalid("invalid number %q", text)
	}
	digits, _ := new(big.Int).SetString(strings.TrimPrefix(m[1]+m[2], "+"), 10)
	exponent, _ := strconv.Atoi(m[3]) // empty is 0; out of range it is the limit of an int
	return number{digits, max(-maxExponent, min(exponent, maxExponent)) - len(m[2])}, nil
}

// times returns (digits*factor + add) * 10^(exponent-1), as JSON. With a factor of 10 it
// is the number itself.
func (n number) times(factor, add int64) json.Number {
	digits := new(big.Int).Mul(n.digits, big.NewInt(factor))
	return json.Number(fmt.Sprintf("%de%d", digits.Add(digits, big.NewInt(add)), n.exponent-1))
}

// values returns the values of the conditions below: the number, or the limits around
// it, which are half of its last digit for eq and ne, and a tenth of it for ap.
func (n number) values(comparison string) map[string]any {
	low, high := n.times(10, -5), n.times(10, 5)
	switch comparison {
	case "eq", "ne":
	case "ap":
		if low, high = n.times(9, 0), n.times(11, 0); n.digits.Sign() < 0 {
			low, high = high, low
		}
	default:
		return map[string]any{"number": n.times(10, 0)}
	}
	return map[string]any{"low": low, "high": high}
}

// numberConditions compare a stored number, %s, with the number searched for.
var numberConditions = map[string]string{
	"eq": "%s >= $low && %s < $high",
	"ne": "%s < $low || %s >= $high",
	"gt": "%s > $number", "sa": "%s > $number",
	"lt": "%s < $number", "eb": "%s < $number",
	"ge": "%s >= $number",
	"le": "%s <= $number",
	"ap": "%s >= $low && %s <= $high",
}

// rangeConditions compare a Range, which may have only one limit.
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

// isRange matches a Range with at least one limit.
const isRange = `(exists(@."low"."value") || exists(@."high"."value"))`

// numberCondition returns the condition on a value of a type. member is the path from the
// value to its number.
func numberCondition(comparison, valueType, member string) string {
	if valueType == "Range" {
		return "(" + rangeConditions[comparison] + ") && " + isRange
	}
	return "(" + strings.ReplaceAll(numberConditions[comparison], "%s", member) + ")"
}

// numberValue compiles a value of a number parameter.
func numberValue(element params.Element, modifier, text string) (predicate, error) {
	if modifier != "" {
		return predicate{}, unsupportedModifier(modifier, "missing")
	}
	comparison, rest := prefixed(text)
	n, err := parseNumber(rest)
	if err != nil {
		return predicate{}, err
	}
	return matches(element.Path, numberCondition(comparison, element.Type, "@"), n.values(comparison)), nil
}
