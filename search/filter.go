package search

import "fmt"

// Filter is a FHIR search on resources of one type.
type Filter struct {
	resourceType string
	condition    Condition
}

// ResourceType returns the type of the resources that are searched.
func (f Filter) ResourceType() string { return f.resourceType }

// Condition returns what the filter asks of a row.
func (f Filter) Condition() Condition { return f.condition }

// Error says which parameter of a search can't be done, and why, in a sentence
// that may be shown to whoever asked.
type Error struct {
	// Parameter is the name as it was given, with its modifier: "code:text".
	Parameter string

	// Reason is what is wrong with it.
	Reason string

	// Unsupported tells what FHIR has but this package has not (not-supported)
	// from what is wrong by itself (invalid).
	Unsupported bool
}

// Error returns the parameter and the reason.
func (e *Error) Error() string { return fmt.Sprintf("%s: %s", e.Parameter, e.Reason) }

// Parse reads a FHIR search on resources of a type: the part of a URL behind the
// question mark, percent-encoded as there, as in
// "code=http://loinc.org|4548-4&date=ge2020". Every parameter must hold; of the
// values of one, separated by commas, any. An error is an *Error.
func Parse(resourceType, query string) (Filter, error) { panic("not built yet") }

// Parameter is a search parameter that Parse knows for a resource type.
type Parameter struct {
	// Name is what a query calls it: "birthdate".
	Name string

	// Type is what FHIR calls its type: number, date, string, token, reference,
	// composite, quantity or uri.
	Type string

	// Definition is the canonical URL of its SearchParameter.
	Definition string
}

// Supported returns the parameters that Parse accepts for a resource type,
// sorted by name: those of the type itself and those of every resource.
func Supported(resourceType string) []Parameter { panic("not built yet") }
