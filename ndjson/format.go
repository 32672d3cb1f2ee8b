package ndjson

import (
	"slices"

	"github.com/seed-90096f4d/sluice/fhir"
)

// Format is the format of lines. The zero value is Aidbox's format: what PostgreSQL
// prints for the stored document merged with id, resourceType and meta, which come
// from the row's columns.
type Format struct {
	// FHIR selects FHIR R4 instead, without spaces.
	FHIR bool

	// Style adjusts either format.
	Style fhir.Style

	// Attributes become extensions in FHIR (ReadAttributes).
	Attributes []fhir.Attribute

	// Elements, if not nil, are the root elements to keep in FHIR, in addition to the
	// mandatory ones. The resources are then tagged as incomplete (SUBSETTED).
	Elements []string

	// Projection, if not nil, are the only root elements that the reader looks at, in
	// FHIR and without Elements. Most others are omitted, and the resources not tagged.
	// id and resourceType are always there.
	Projection []string
}

// keepsMeta reports whether documents have a meta.
func (f Format) keepsMeta() bool {
	return !f.FHIR || f.Elements != nil || f.Projection == nil || slices.Contains(f.Projection, "meta")
}

// Issue is a problem of a resource: by default, an element that could not be converted
// and was written as it is stored. It does not contain the value.
type Issue struct {
	ResourceType string
	ID           string // of the resource
	Path         string // of the element, as in Observation.component.value
	Reason       string
	Omitted      bool // no line was written for the row

	// Offloaded, if not 0, is the number of values that are stored outside of the
	// database, with references to them in the line. Path and Reason are then empty.
	Offloaded int
}

// converter returns the converter of a resource type; nil if the format is not FHIR.
func (f Format) converter(resourceType string, issue func(fhir.Issue)) *fhir.Converter {
	if !f.FHIR {
		return nil
	}
	tables := fhir.R4().WithAttributes(f.Attributes)
	options := fhir.Options{Style: f.Style, Issue: issue}
	switch {
	case f.Elements != nil:
		options.Subset = tables.Subset(resourceType, f.Elements)
	case f.Projection != nil:
		options.Subset = tables.Projection(resourceType, f.Projection)
	}
	return fhir.NewConverter(tables, options)
}
