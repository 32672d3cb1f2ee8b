package search

import (
	"slices"

	"github.com/seed-90096f4d/sluice/fhir/search/params"
)

// A token is a value of a token parameter: a code, with its system before a
// bar. Nothing before the bar asks for a code without a system, nothing behind
// it for any code of the system.
type token struct {
	system, code string
	hasSystem    bool // there is a bar
}

func parseToken(text string) (token, error) {
	parts := splitValues(text, '|')
	switch {
	case len(parts) > 2:
		return token{}, invalid("more than one | in %q", text)
	case len(parts) == 1 && parts[0] != "":
		return token{code: unescape(parts[0])}, nil
	case len(parts) == 2 && (parts[0] != "" || parts[1] != ""):
		return token{unescape(parts[0]), unescape(parts[1]), true}, nil
	}
	return token{}, invalid("no code and no system in %q", text)
}

// tokenPredicate finds a token at a element.
func tokenPredicate(element params.Element, t token) (predicate, error) {
	switch element.Type {
	case "CodeableConcept":
		return coded(below(element.Path, "coding*"), t, "code"), nil
	case "Coding":
		return coded(element.Path, t, "code"), nil
	case "Identifier", "ContactPoint":
		return coded(element.Path, t, "value"), nil
	}
	if t.system != "" {
		systems := implicitSystems(element)
		switch {
		case len(systems) == 0:
			return predicate{}, unsupported("the data does not tell the system of the code")
		case !slices.Contains(systems, t.system):
			return never, nil
		case t.code == "":
			return exists(element.Path), nil
		}
	}
	if element.Type != "boolean" {
		return contains(element.Path, t.code), nil
	}
	switch t.code {
	case "true", "false":
		return contains(element.Path, t.code == "true"), nil
	}
	return predicate{}, invalid("%q is neither true nor false", t.code)
}

// existenceValue compiles one value of a parameter that is true if there is a value
// other than false at one of the elements, as Patient.deceased, and false else.
func existenceValue(elements []params.Element, modifier, text string) (predicate, error) {
	if modifier != "" && modifier != "not" {
		return predicate{}, unsupportedModifier(modifier, "missing, not")
	}
	t, err := parseToken(text)
	if err != nil {
		return predicate{}, err
	}
	if t.code != "true" && t.code != "false" {
		return predicate{}, invalid("%q is neither true nor false", t.code)
	}
	if t.system != "" && !slices.Contains(booleanSystems, t.system) {
		return never, nil
	}
	var found []predicate
	for _, element := range elements {
		for _, form := range choiceForms(element.Path) {
			found = append(found, matches(form, `@.type() != "boolean" && @ != null || @ == true`, nil))
		}
	}
	if t.code == "false" {
		return not(either(found)), nil
	}
	return either(found), nil
}

// booleanSystems are the systems of the codes true and false, as R4 and its
// terminology write it.
var booleanSystems = []string{"http://terminology.hl7.org/CodeSystem/special-values", "http://hl7.org/fhir/special-values"}

// implicitSystems returns the systems that a code at a element can be of, though the
// data does not name one (R4, "3.1.1.4.10 token").
func implicitSystems(element params.Element) []string {
	if element.Type == "boolean" {
		return booleanSystems
	}
	return element.Systems
}

// coded finds an object with a system and, under a name of its own, a code.
func coded(path params.Path, t token, name string) predicate {
	object := make(map[string]any)
	if t.code != "" {
		object[name] = t.code
	}
	if t.system != "" {
		object["system"] = t.system
	}
	if last := path[len(path)-1]; last.Member == "system" && t.hasSystem && t.system != last.Value {
		return never
	}
	if t.hasSystem && t.system == "" {
		condition := `@."` + name + `" == $code && !exists(@."system" ? (@ != null))`
		return both([]predicate{contains(path, object), matches(path, condition, map[string]any{"code": t.code})})
	}
	return contains(path, object)
}

// typedPredicate finds an identifier by the modifier of-type: the system and
// the code of its type, and its value.
func typedPredicate(element params.Element, text string) (predicate, error) {
	if element.Type != "Identifier" {
		return predicate{}, unsupported("only identifiers have a type")
	}
	parts := splitValues(text, '|')
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return predicate{}, invalid("%q is not system|code|value", text)
	}
	return contains(element.Path, map[string]any{
		"value": unescape(parts[2]),
		"type": map[string]any{"coding": []any{map[string]any{
			"system": unescape(parts[0]), "code": unescape(parts[1]),
		}}},
	}), nil
}

// tokenValue compiles one value of a token parameter.
func tokenValue(element params.Element, modifier, text string) (predicate, error) {
	switch modifier {
	case "", "not":
		t, err := parseToken(text)
		if err != nil {
			return predicate{}, err
		}
		return tokenPredicate(element, t)
	case "of-type":
		return typedPredicate(element, text)
	}
	return predicate{}, unsupportedModifier(modifier, "missing, not, of-type")
}
