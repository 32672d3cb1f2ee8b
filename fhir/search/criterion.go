package search

import (
	"errors"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
)

// A criterion is one parameter of a search with its values.
type criterion struct {
	resourceType   string
	name, modifier string
	modified       bool // there is a colon
	values         []string

	// indexed makes compile return an expression that an index over the documents
	// serves. It can hold for other documents, too.
	indexed bool
}

// resultParameters say how the results of a search are shown, not which they
// are.
var resultParameters = []string{
	"_contained", "_containedType", "_count", "_elements", "_format", "_graph", "_include", "_maxresults", "_offset",
	"_page", "_pretty", "_revinclude", "_score", "_sort", "_summary", "_total",
}

// compile turns the criterion into an expression on the document of a row.
func (c criterion) compile() (predicate, error) {
	switch {
	case slices.Contains(resultParameters, c.name):
		return predicate{}, invalid("it says how results are shown, not which they are")
	case c.name == "_has", strings.Contains(c.name, "."), strings.Contains(c.modifier, "."):
		return predicate{}, unsupported("a search through other resources is not supported")
	case c.modified && c.modifier == "":
		return predicate{}, invalid("there is no modifier behind the colon")
	case slices.Contains(c.values, ""):
		return predicate{}, invalid("it has an empty value")
	}
	switch c.name {
	case "_id":
		return c.compileID()
	case "_lastUpdated":
		return c.compileLastUpdated()
	}
	p, ok := fhir.R4Search().Parameter(c.resourceType, c.name)
	switch {
	case !ok:
		return predicate{}, invalid("%s has no such search parameter", c.resourceType)
	case p.Unsupported != "":
		return predicate{}, unsupported("the parameter is not supported: %s", p.Unsupported)
	case c.modifier == "missing":
		return c.compileMissing(p)
	}
	return c.compileValues(p)
}

// isReference reports whether the criterion compares references.
func (c criterion) isReference() bool {
	p, ok := fhir.R4Search().Parameter(c.resourceType, c.name)
	return ok && p.Type == "reference" && c.modifier != "missing"
}

// compileMissing asks whether there is anything where the parameter looks.
func (c criterion) compileMissing(p fhir.SearchParameter) (predicate, error) {
	if p.Type == "composite" {
		return predicate{}, unsupported("a composite is not missing as such")
	}
	missing, err := c.isMissing()
	if err != nil {
		return predicate{}, err
	}
	var found []predicate
	for _, place := range p.Places {
		if place.Path[len(place.Path)-1].Target != "" {
			found = append(found, refersTo(place.Path))
		} else {
			found = append(found, exists(place.Path))
		}
	}
	if missing {
		return not(either(found)), nil
	}
	return either(found), nil
}

// isMissing reads the value of the modifier missing.
func (c criterion) isMissing() (bool, error) {
	if len(c.values) == 1 && (c.values[0] == "true" || c.values[0] == "false") {
		return c.values[0] == "true", nil
	}
	return false, invalid("it is neither true nor false")
}

// compileValues asks for any of the values at any of the parameter's places.
func (c criterion) compileValues(p fhir.SearchParameter) (predicate, error) {
	if p.Type == "reference" {
		return compilePlaces(p, func(place fhir.Place) (predicate, error) { return references(place, c.modifier, c.values, c.indexed) })
	}
	var found []predicate
	for _, value := range c.values {
		here, err := c.compileValue(p, value)
		if err != nil {
			return predicate{}, err
		}
		found = append(found, here)
	}
	if c.modifier == "not" {
		return not(either(found)), nil
	}
	return either(found), nil
}

// compileValue asks for one value at any of the places. Those that can't have
// such a value are left out, unless that leaves none.
func (c criterion) compileValue(p fhir.SearchParameter, value string) (predicate, error) {
	if p.Places[0].Type == "existence" {
		return existenceValue(p.Places, c.modifier, value)
	}
	return compilePlaces(p, func(place fhir.Place) (predicate, error) { return placeValue(p.Type, place, c.modifier, value) })
}

// compilePlaces asks for what compile makes of any of the places. Those that it fails
// for are left out, unless that leaves none.
func compilePlaces(p fhir.SearchParameter, compile func(fhir.Place) (predicate, error)) (predicate, error) {
	var found []predicate
	var failure error
	for _, place := range p.Places {
		here, err := compile(place)
		if err != nil {
			failure = err
			continue
		}
		found = append(found, here)
	}
	if len(found) == 0 {
		return predicate{}, failure
	}
	return either(found), nil
}

// placeValue compiles a value of a parameter of a type for one of its places.
func placeValue(parameterType string, place fhir.Place, modifier, value string) (predicate, error) {
	switch parameterType {
	case "composite":
		return compositeValue(place, modifier, value)
	case "date":
		return dateValue(place, modifier, value)
	case "number":
		return numberValue(place, modifier, value)
	case "quantity":
		return quantityValue(place, modifier, value)
	case "reference":
		return references(place, modifier, []string{value}, false)
	case "string":
		return stringValue(place, modifier, value)
	case "token":
		return tokenValue(place, modifier, value)
	case "uri":
		return uriValue(place, modifier, value)
	}
	return predicate{}, unsupported("parameters of type %s are not supported", parameterType)
}

// named puts a parameter's name into an error that has none.
func named(name string, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Parameter == "" {
		return &Error{Parameter: name, Reason: e.Reason, Unsupported: e.Unsupported}
	}
	return err
}
