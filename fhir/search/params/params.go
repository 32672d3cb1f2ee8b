package params

import (
	"slices"
	"strings"
)

// Tables says what can be searched for in resources of one FHIR version,
// and what belongs to a patient. It is immutable and safe for concurrent use.
type Tables struct {
	parameters  map[string][]Parameter // by resource type, sorted by name
	compartment map[string][]Path
}

// A Parameter is what HL7 defines under that name for a resource type.
type Parameter struct {
	// Name is what a query calls it: birthdate.
	Name string

	// Type is number, date, string, token, reference, composite, quantity, uri
	// or special.
	Type string

	// Definition is the canonical URL of its definition.
	Definition string

	// Elements are where it looks. There are none if Unsupported says why.
	Elements []Element

	// Unsupported says why the definition leads to no element.
	Unsupported string
}

// A Element is where in a document a search parameter looks.
type Element struct {
	Path Path
	Type string // of the values there: Quantity, dateTime

	// Targets are the types of the resources that a reference there can lead to. There
	// are none if it can be any.
	Targets []string

	// Systems are those of the codes there, which do not name one themselves: the
	// systems of the value set that FHIR binds an element of type code to.
	Systems []string

	// Components are the elements of a composite parameter's parts, each with a path
	// that goes on from this one.
	Components []Component
}

// A Component is one element of a part of a composite parameter.
type Component struct {
	Number  int    // of the part, from 0
	Type    string // as Parameter.Type
	Element Element
}

// A Path leads through a document in Aidbox's format. An empty one stays where
// it is.
type Path []Step

// A Step goes to a member of an object; the type of a choice element is a step
// of its own.
type Step struct {
	Name string
	Many bool // its value is an array

	// Target, if set, passes by references to other types.
	Target string

	// Member and Value, if set, pass by objects whose member has another value.
	Member, Value string
}

// definitionURL is where HL7's search parameters are defined.
const definitionURL = "http://hl7.org/fhir/SearchParameter/"

// Parameters returns the search parameters of a resource type, those of every
// resource included, sorted by name. The caller must not change them.
func (t *Tables) Parameters(resourceType string) []Parameter {
	all := slices.Concat(t.parameters[resourceType], t.parameters["Resource"])
	if !slices.Contains(plainResources, resourceType) {
		all = append(all, t.parameters["DomainResource"]...)
	}
	slices.SortFunc(all, func(a, b Parameter) int { return strings.Compare(a.Name, b.Name) })
	return all
}

// plainResources are the resource types that are no DomainResource.
var plainResources = []string{"Binary", "Bundle", "Parameters"}

// Parameter returns the search parameter of that name for a resource type.
func (t *Tables) Parameter(resourceType, name string) (Parameter, bool) {
	for _, p := range t.Parameters(resourceType) {
		if p.Name == name {
			return p, true
		}
	}
	return Parameter{}, false
}

// PatientPaths returns where a resource of a type refers to the patients in
// whose compartment it is: none if it is in nobody's. A patient is in its own
// besides. The caller must not change them.
func (t *Tables) PatientPaths(resourceType string) []Path { return t.compartment[resourceType] }

// CompartmentTypes returns the resource types that can be in the compartment of
// a patient, sorted.
func (t *Tables) CompartmentTypes() []string {
	types := make([]string, 0, len(t.compartment))
	for name := range t.compartment {
		types = append(types, name)
	}
	slices.Sort(types)
	return types
}
