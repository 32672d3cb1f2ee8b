package search

import (
	"errors"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir/search/params"
)

// criterion is a parameter of a search with its values.
type criterion struct {
	resourceType   string
	name, modifier string
	modified       bool // reports whether there is a colon
	values         []string

	// indexed makes compile return an expression that an index over the documents
	// serves. It can hold for other documents, too.
	indexed bool
}

// resultParameters control the presentation of search results.
var resultParameters = []string{
	"_contained", "_containedType", "_count", "_elements", "_format", "_graph", "_include", "_maxresults", "_offset",
	"_page", "_pretty", "_revinclude", "_score", "_sort", "_summary", "_total",
}

// compile returns an expression on the document of a row.
func (c criterion) compile() (predicate, error) {
	switch {
	case slices.Contains(resultParameters, c.name):
		return predicate{}, invalid("result parameters are not allowed in a filter")
	case c.name == "_has", strings.Contains(c.name, "."), strings.Contains(c.modifier, "."):
		return predicate{}, unsupported("chained parameters are not supported")
	case c.modified && c.modifier == "":
		return predicate{}, invalid("missing modifier after the colon")
	case slices.Contains(c.values, ""):
		return predicate{}, invalid("empty value")
	}
	switch c.name {
	case "_id":
		return c.compileID()
	case "_lastUpdated":
		return c.compileLastUpdated()
	}
	p, ok := params.R4().Parameter(c.resourceType, c.name)
	switch {
	case !ok:
		return predicate{}, invalid("unknown search parameter of %s", c.resourceType)
	case p.Unsupported != "":
		return predicate{}, unsupported("unsupported parameter: %s", p.Unsupported)
	case c.modifier == "missing":
		return c.compileMissing(p)
	}
	return c.compileValues(p)
}

// isReference reports whether the criterion compares references.
func (c criterion) isReference() bool {
	p, ok := params.R4().Parameter(c.resourceType, c.name)
	return ok && p.Type == "reference" && c.modifier != "missing"
}

// compileMissing compiles the modifier missing.
func (c criterion) compileMissing(p params.Parameter) (predicate, error) {
	if p.Type == "composite" {
		return predicate{}, unsupported("the modifier missing is not supported for composite parameters")
	}
	missing, err := c.isMissing()
	if err != nil {
		return predicate{}, err
	}
	var found []predicate
	for _, element := range p.Elements {
		if element.Path[len(element.Path)-1].Target != "" {
			found = append(found, refersTo(element.Path))
		} else {
			found = append(found, exists(element.Path))
		}
	}
	if missing {
		return not(either(found)), nil
	}
	return either(found), nil
}

// isMissing parses the value of the modifier missing.
func (c criterion) isMissing() (bool, error) {
	if len(c.values) == 1 && (c.values[0] == "true" || c.values[0] == "false") {
		return c.values[0] == "true", nil
	}
	return false, invalid("the value of the modifier missing must be true or false")
}

// compileValues matches any of the values in any of the parameter's elements.
func (c criterion) compileValues(p params.Parameter) (predicate, error) {
	if p.Type == "reference" {
		return compileElements(p, func(element params.Element) (predicate, error) {
			return references(element, c.modifier, c.values, c.indexed)
		})
	}
	var found []predicate
	for _, value := range c.values {
		compiled, err := c.compileValue(p, value)
		if err != nil {
			return predicate{}, err
		}
		found = append(found, compiled)
	}
	if c.modifier == "not" {
		return not(either(found)), nil
	}
	return either(found), nil
}

// compileValue matches a value in any of the elements, except those that cannot have
// such a value. It is an error if none can.
func (c criterion) compileValue(p params.Parameter, value string) (predicate, error) {
	if p.Elements[0].Type == "existence" {
		return existenceValue(p.Elements, c.modifier, value)
	}
	return compileElements(p, func(element params.Element) (predicate, error) {
		return elementValue(p.Type, element, c.modifier, value)
	})
}

// compileElements matches what compile returns for any of the elements, except those for
// which it fails. It is an error if it fails for all.
func compileElements(p params.Parameter, compile func(params.Element) (predicate, error)) (predicate, error) {
	var found []predicate
	var failure error
	for _, element := range p.Elements {
		compiled, err := compile(element)
		if err != nil {
			failure = err
			continue
		}
		found = append(found, compiled)
	}
	if len(found) == 0 {
		return predicate{}, failure
	}
	return either(found), nil
}

// elementValue compiles a value of a parameter for one of its elements.
func elementValue(parameterType string, element params.Element, modifier, value string) (predicate, error) {
	switch parameterType {
	case "composite":
		return compositeValue(element, modifier, value)
	case "date":
		return dateValue(element, modifier, value)
	case "number":
		return numberValue(element, modifier, value)
	case "quantity":
		return quantityValue(element, modifier, value)
	case "reference":
		return references(element, modifier, []string{value}, false)
	case "string":
		return stringValue(element, modifier, value)
	case "token":
		return tokenValue(element, modifier, value)
	case "uri":
		return uriValue(element, modifier, value)
	}
	return predicate{}, unsupported("parameters of type %s are not supported", parameterType)
}

// named adds the name of a parameter to an error without one.
func named(name string, err error) error {
	var e *Error
	if errors.As(err, &e) && e.Parameter == "" {
		return &Error{Parameter: name, Reason: e.Reason, Unsupported: e.Unsupported}
	}
	return err
}
