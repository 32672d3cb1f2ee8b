package fhir

import (
	"slices"
)

// Tables holds the types of one FHIR version and their elements. It is
// immutable and safe for concurrent use.
type Tables struct {
	resourceTypes []string
	types         map[string]*node
	resources     map[string]*node
	custom        *node  // a resource type without a table
	sibling       *field // what stands beside a primitive, under its name with a "_"
}

// ResourceTypes returns the names of all concrete resource types, sorted. The
// caller may change the slice.
func (t *Tables) ResourceTypes() []string { return slices.Clone(t.resourceTypes) }

// IsResourceType says whether name is a concrete resource type: "Patient" is,
// "patient", "DomainResource" and "HumanName" are not.
func (t *Tables) IsResourceType(name string) bool {
	_, ok := t.resources[name]
	return ok
}

// resource returns the elements of a resource type; for one that FHIR does not
// have, those of any resource.
func (t *Tables) resource(name []byte) *node {
	if n, ok := t.resources[string(name)]; ok {
		return n
	}
	return t.custom
}

// A node is a type whose values are objects: what members they have.
type node struct {
	name       string // Patient, HumanName, Patient.contact
	shape      shape
	fields     map[string]*field
	members    lookup            // the same, for speed
	attributes map[string]*field // those that are extensions in FHIR, by their URL as JSON writes it
}

// A shape says what an object of a type needs besides the conversion of its
// members.
type shape uint8

const (
	plain     shape = iota
	reference       // Reference: its target has other members in each format
	metadata        // Meta: createdAt is an extension in FHIR
	extension       // Extension: stored in either format
	resource        // any resource: its members depend on its own resourceType
)

// A field is one name that an object of some type can have as a key.
type field struct {
	name      string // as it is written in the document
	many      bool
	mandatory bool
	node      *node // the type of its values; nil for a primitive

	// located means that the value is a URL, which may be relative to the server
	// it came from (Attachment.url).
	located bool

	// A choice element appears under its own name in Aidbox format (value) and
	// under one name for each type in FHIR (valueQuantity). The first has
	// options, by type; the second knows the first.
	options *lookup
	choice  *field
	option  string // the type's name: Quantity, dateTime

	// Set for an element of the Aidbox format that is an extension in FHIR.
	extended *extended

	// What to do with the member, by the direction of the conversion.
	action [2]action
}

// An action is what the walk does with a member of an object.
type action uint8

const (
	convert action = iota // convert the value by its type
	hold                  // keep it back until the object's end, see settle
	unfold                // value: {"Quantity": x} -> valueQuantity: x
	fold                  // valueQuantity: x -> value: {"Quantity": x}
	extract               // extension: [{url, valueInstant: x}] -> createdAt: x
	claim                 // a name that a converted member may take too
)

// direction is that of a conversion, and the index of field.action.
type direction uint8

const (
	toFHIR direction = iota
	toAidbox
)
