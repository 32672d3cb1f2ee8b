package params

import (
	"maps"
	"slices"
	"strings"
)

// Tables holds the search parameters of a FHIR version and the compartment of a
// patient. It is immutable and safe for concurrent use.
type Tables struct {
	parameters  map[string][]Parameter // by resource type, sorted by name
	compartment map[string][]Path
}

// Parameter is a search parameter of a resource type as HL7 defines it.
type Parameter struct {
	// Name is its name in a query: birthdate.
	Name string

	// Type is number, date, string, token, reference, composite, quantity, uri
	// or special.
	Type string

	// Definition is the canonical URL of its SearchParameter.
	Definition string

	// Elements are the elements that it searches. They are empty if Unsupported is
	// set.
	Elements []Element

	// Unsupported is the reason why the parameter has no elements.
	Unsupported string
}

// Element is an element that a search parameter searches.
type Element struct {
	Path Path
	Type string // of its values: Quantity, dateTime

	// Targets are the possible types of the resource that a reference refers to. Empty
	// means any type.
	Targets []string

	// Systems are the code systems of the value set that FHIR binds an element of type
	// code to. Such codes are stored without a system.
	Systems []string

	// Components, if the parameter is composite, are the elements of its components.
	// Their paths are relative to this element.
	Components []Component
}

// Component is one of the elements that a component of a composite parameter searches.
type Component struct {
	Number  int    // of the component, from 0
	Type    string // as Parameter.Type
	Element Element
}

// Path is the path of an element in a document in Aidbox format. The empty path is the
// root.
type Path []Step

// Step is a member of an object. The type of a choice element is a separate step.
type Step struct {
	Name string
	Many bool // reports whether its value is an array

	// Target, if set, excludes references to other types.
	Target string

	// Member and Value, if set, exclude objects whose member has another value.
	Member, Value string
}

// definitionURL is the base URL of HL7's definitions of search parameters.
const definitionURL = "http://hl7.org/fhir/SearchParameter/"

// Parameters returns the search parameters of a resource type, including the parameters
// of all resources, sorted by name. The caller must not change them.
func (t *Tables) Parameters(resourceType string) []Parameter {
	all := slices.Concat(t.parameters[resourceType], t.parameters["Resource"])
	if !slices.Contains(plainResources, resourceType) {
		all = append(all, t.parameters["DomainResource"]...)
	}
	slices.SortFunc(all, func(a, b Parameter) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// plainResources are the resource types that are not a DomainResource.
var plainResources = []string{"Binary", "Bundle", "Parameters"}

// Parameter returns the search parameter of a resource type with this name.
func (t *Tables) Parameter(resourceType, name string) (Parameter, bool) {
	for _, p := range t.Parameters(resourceType) {
		if p.Name == name {
			return p, true
		}
	}
	return Parameter{}, false
}

// PatientPaths returns the paths of the references to the patients in whose
// compartments a resource of a type is. They are empty if resources of the type are in
// no compartment. A Patient is also in its own compartment, without a path. The caller
// must not change them.
func (t *Tables) PatientPaths(resourceType string) []Path { return t.compartment[resourceType] }

// CompartmentTypes returns the resource types that can be in the compartment of
// a patient, sorted.
func (t *Tables) CompartmentTypes() []string {
	return slices.Sorted(maps.Keys(t.compartment))
}
