package search

import (
	"slices"

	"github.com/seed-90096f4d/sluice/fhir/search/params"
)

// token is a value of a token parameter: a code, with its system before a bar. An empty
// system matches codes without one, an empty code any code of the system.
type token struct {
	system, code string
	hasSystem    bool // reports whether there is a bar
}

func parseToken(text string) (token, error) {
	parts := splitValues(text, '|')
	switch {
	case len(parts) > 2:
		return token{}, invalid("invalid token %q: more than one |", text)
	case len(parts) == 1 && parts[0] != "":
		return token{code: unescape(parts[0])}, nil
	case len(parts) == 2 && (parts[0] != "" || parts[1] != ""):
		return token{unescape(parts[0]), unescape(parts[1]), true}, nil
	}
	return token{}, invalid("invalid token %q: neither code nor system", text)
}

// tokenPredicate matches a token in an element.
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
			return predicate{}, unsupported("the element has no code system")
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
	return predicate{}, invalid("must be true or false, got %q", t.code)
}

// existenceValue compiles a value of a parameter, such as Patient.deceased, that is true
// if one of the elements has a value other than false, and false otherwise.
func existenceValue(elements []params.Element, modifier, text string) (predicate, error) {
	if modifier != "" && modifier != "not" {
		return predicate{}, unsupportedModifier(modifier, "missing, not")
	}
	t, err := parseToken(text)
	if err != nil {
		return predicate{}, err
	}
	if t.code != "true" && t.code != "false" {
		return predicate{}, invalid("must be true or false, got %q", t.code)
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

// booleanSystems are the systems of the codes true and false in R4 and in its
// terminology.
var booleanSystems = []string{"http://terminology.hl7.org/CodeSystem/special-values", "http://hl7.org/fhir/special-values"}

// implicitSystems returns the code systems of an element whose values have no system
// (R4, "3.1.1.4.10 token").
func implicitSystems(element params.Element) []string {
	if element.Type == "boolean" {
		return booleanSystems
	}
	return element.Systems
}

// coded matches an object with a system and a code, which is the member name.
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

// typedPredicate compiles the modifier of-type of an identifier: the system and the code
// of its type, and its value.
func typedPredicate(element params.Element, text string) (predicate, error) {
	if element.Type != "Identifier" {
		return predicate{}, unsupported("the modifier of-type is only supported for identifiers")
	}
	parts := splitValues(text, '|')
	if len(parts) != 3 || parts[0] == "" || parts[1] == "" || parts[2] == "" {
		return predicate{}, invalid("invalid value %q: must be system|code|value", text)
	}
	return contains(element.Path, map[string]any{
		"value": unescape(parts[2]),
		"type": map[string]any{"coding": []any{map[string]any{
			"system": unescape(parts[0]), "code": unescape(parts[1]),
		}}},
	}), nil
}

// tokenValue compiles a value of a token parameter.
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
