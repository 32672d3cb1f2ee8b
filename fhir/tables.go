package fhir

import "slices"

// Tables holds the types of a FHIR version and their elements. It is immutable and
// safe for concurrent use.
type Tables struct {
	resourceTypes []string
	definitions   map[string]definition // as written, by type
	types         map[string]*node
	resources     map[string]*node
	custom        *node  // the elements of an unknown resource type
	sibling       *field // the id and extensions of a primitive
}

// ResourceTypes returns the names of all concrete resource types, sorted. The
// caller may change the slice.
func (t *Tables) ResourceTypes() []string { return slices.Clone(t.resourceTypes) }

// IsResourceType reports whether name is a concrete resource type: "Patient" is,
// "patient", "DomainResource" and "HumanName" are not.
func (t *Tables) IsResourceType(name string) bool {
	_, ok := t.resources[name]
	return ok
}

// resource returns the elements of a resource type. If FHIR does not define the type,
// it returns the elements of any resource.
func (t *Tables) resource(name []byte) *node {
	if n, ok := t.resources[string(name)]; ok {
		return n
	}
	return t.custom
}

// node is a type whose values are objects.
type node struct {
	name    string // Patient, HumanName, Patient.contact
	shape   shape
	fields  map[string]*field
	members lookup // the same, for speed
}

// shape is what an object of a type needs in addition to the conversion of its
// members.
type shape uint8

const (
	plain     shape = iota
	reference       // Reference: the formats have different members for its target
	metadata        // Meta: createdAt is an extension in FHIR
	extension       // Extension: stored in either format
	resource        // any resource: its members depend on its resourceType
)

// field is a member that objects of a type can have.
type field struct {
	name      string // the key in the document
	many      bool
	mandatory bool
	node      *node // the type of its values; nil for a primitive

	// isURL reports whether the value is a URL that may be relative to the server
	// it came from (Attachment.url).
	isURL bool

	// A choice element has one name in Aidbox format (value), and one for each type
	// in FHIR (valueQuantity). The former has options by type, the latter refers to
	// the former.
	options *lookup
	choice  *field
	option  string // the type's name: Quantity, dateTime

	// extended is set for an element in Aidbox format that is an extension in FHIR.
	extended *extended

	// action is what to do with the member, by the direction of the conversion.
	action [2]action
}

// action is what a conversion does with a member of an object.
type action uint8

const (
	convert action = iota // convert the value by its type
	hold                  // write it at the end of the object: see appendHeld
	unfold                // value: {"Quantity": x} -> valueQuantity: x
	fold                  // valueQuantity: x -> value: {"Quantity": x}
	extract               // extension: [{url, valueInstant: x}] -> createdAt: x
	claim                 // a converted member may have the same name
)

// direction is the direction of a conversion, and the index of field.action.
type direction uint8

const (
	toFHIR direction = iota
	toAidbox
)
