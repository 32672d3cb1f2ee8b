package search

import "github.com/seed-90096f4d/sluice/fhir/search/params"

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

	values, condition := n.values(comparison), numberCondition(comparison, element.Type, `@."value"`)
	if system != "" {
		values["system"] = system
	}
	if code != "" {
		values["code"] = code
	}
	unit := unitCondition(system, code)
	switch {
	case element.Type == "Money" && system != "" && system != currencySystem:
		return never, nil
	case element.Type == "Money" && code != "":
		condition += ` && @."currency" == $code`
	case element.Type == "Money" || unit == "":
	case element.Type == "Range":
		for _, end := range []string{"low", "high"} {
			condition += ` && (!exists(@."` + end + `") || exists(@."` + end + `" ? (` + unit + `)))`
		}
	default:
		condition += " && " + unit
	}
	return matches(element.Path, condition, values), nil
}

// unitCondition returns the condition on a Quantity with a unit, or an empty text for any
// unit.
func unitCondition(system, code string) string {
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
