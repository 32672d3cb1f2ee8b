package search

import (
	"maps"

	"github.com/seed-90096f4d/sluice/fhir/search/params"
)

// currencySystem is the system of the codes in Money.currency.
const currencySystem = "urn:iso:std:iso:4217"

// quantityValue compiles a value of a quantity parameter: a number, then after bars the
// system and the code of its unit. A code without a system also matches the text of the
// unit. Stored comparators, as in "< 5 mg", are ignored.
func quantityValue(element params.Element, modifier, text string) (predicate, error) {
	if modifier != "" {
		return predicate{}, unsupportedModifier(modifier, "missing")
	}
	comparison, rest := prefixed(text)
	parts := splitValues(rest, '|')
	if len(parts) != 1 && len(parts) != 3 {
		return predicate{}, invalid("invalid quantity %q: must be number or number|system|code", text)
	}
	n, err := parseNumber(parts[0])
	if err != nil {
		return predicate{}, err
	}
	var system, code string
	if len(parts) == 3 {
		system, code = unescape(parts[1]), unescape(parts[2])
	}

	wanted := n.bounds(comparison)
	values := maps.Clone(wanted.values)
	condition := wanted.condition(element.Type, `@."value"`)
	if element.Type == "Money" {
		if system != "" && system != currencySystem {
			return never, nil
		}
		condition += hasCurrency(code, values)
		return matches(element.Path, condition, values), nil
	}
	if unit := hasUnit(system, code, values); unit != "" && element.Type == "Range" {
		for _, end := range []string{"low", "high"} {
			condition += ` && (!exists(@."` + end + `") || exists(@."` + end + `" ? (` + unit + `)))`
		}
	} else if unit != "" {
		condition += " && " + unit
	}
	return matches(element.Path, condition, values), nil
}

// hasUnit returns the condition on a Quantity with this unit, or an empty text for any
// unit.
func hasUnit(system, code string, values map[string]any) string {
	if system != "" {
		values["system"] = system
	}
	if code != "" {
		values["code"] = code
	}
	switch {
	case system != "" && code != "":
		return `@."system" == $system && @."code" == $code`
	case system != "":
		return `@."system" == $system`
	case code != "":
		return `(@."code" == $code || @."unit" == $code)`
	}
	return ""
}

func hasCurrency(code string, values map[string]any) string {
	if code == "" {
		return ""
	}
	values["code"] = code
	return ` && @."currency" == $code`
}
