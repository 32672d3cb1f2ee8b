package fhir

import (
	"encoding/json" //nolint:depguard // for a few rows of settings, not for data
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Attribute is a first-class extension: an element that Aidbox stores as a member
// and that is an extension in FHIR. The rows of Aidbox's table "attribute" describe
// them.
type Attribute struct {
	ResourceType string   // such as Patient
	Path         []string // of the element: race, text
	Type         string   // of the value: Coding, dateTime; empty if it only holds other attributes
	ExtensionURL string   // empty for an element that does not exist in FHIR
}

// ParseAttribute reads the resource of a row of Aidbox's table "attribute". An
// attribute without an extensionUrl is valid, and WithAttributes ignores it.
func ParseAttribute(resource []byte) (Attribute, error) {
	var row struct {
		Resource     struct{ ID string } `json:"resource"`
		Path         []string            `json:"path"`
		Type         struct{ ID string } `json:"type"`
		ExtensionURL string              `json:"extensionUrl"`
	}
	if err := json.Unmarshal(resource, &row); err != nil {
		return Attribute{}, fmt.Errorf("attribute: %w", err)
	}
	if row.Resource.ID == "" || len(row.Path) == 0 {
		return Attribute{}, errors.New("attribute: missing resource or path")
	}
	return Attribute{row.Resource.ID, row.Path, row.Type.ID, row.ExtensionURL}, nil
}

// extended is the part of a field that is an extension in FHIR.
type extended struct {
	head    []byte // the extension up to its url; nil for createdAt: Converter.createdAt
	value   *field // such as valueCoding; nil if it holds other attributes
	members *node  // the other attributes
}

// WithAttributes returns the tables with first-class extensions. It ignores an attribute
// without a URL, one with the name of a FHIR element, one in a type that has no
// extensions, and one whose parent is neither a FHIR element nor an attribute with a
// URL: such elements are written as stored.
func (t *Tables) WithAttributes(attributes []Attribute) *Tables {
	if len(attributes) == 0 {
		return t
	}
	extended := *t
	extended.resources = maps.Clone(t.resources)
	o := overlay{tables: &extended, owned: make(map[*node]bool)}

	sorted := slices.Clone(attributes)
	slices.SortStableFunc(sorted, func(a, b Attribute) int { return len(a.Path) - len(b.Path) })
	for _, a := range sorted {
		o.add(a)
	}
	for n := range o.owned {
		n.members = newLookup(n.fields)
	}
	return &extended
}

// overlay adds attributes to tables. It copies the types that change, once for each
// path.
type overlay struct {
	tables *Tables
	owned  map[*node]bool
}

// add adds an attribute, unless it is to be ignored.
func (o *overlay) add(a Attribute) {
	parent := o.parent(a)
	if parent == nil || a.ExtensionURL == "" {
		return
	}
	name := a.Path[len(a.Path)-1]
	if parent.fields[name] != nil || parent.fields["extension"] == nil {
		return
	}
	e := &extended{head: []byte(`{"url":"` + escape(a.ExtensionURL) + `"`)}
	if a.Type != "" {
		n := o.tables.types[a.Type]
		e.value = &field{name: "value" + strings.ToUpper(a.Type[:1]) + a.Type[1:], node: n}
	} else {
		list := &field{name: "extension", many: true, node: o.tables.types["Extension"], action: [2]action{toFHIR: claim}}
		e.members = &node{name: name, fields: map[string]*field{"extension": list}}
		o.owned[e.members] = true
	}
	parent.fields[name] = &field{name: name, extended: e, action: [2]action{toFHIR: hold}}
	list := *parent.fields["extension"]
	list.action[toFHIR] = claim
	parent.fields["extension"] = &list
}

// parent returns the overlay's copy of the type that an attribute is an element of,
// or nil.
func (o *overlay) parent(a Attribute) *node {
	n := o.tables.resources[a.ResourceType]
	if n == nil || len(a.Path) == 0 {
		return nil
	}
	n = o.own(n)
	o.tables.resources[a.ResourceType] = n
	for _, name := range a.Path[:len(a.Path)-1] {
		f := n.fields[name]
		switch {
		case f == nil:
			return nil
		case f.extended != nil:
			n = f.extended.members
		case f.node == nil || f.node.shape == resource:
			return nil
		default:
			child := *f
			child.node = o.own(f.node)
			n.fields[name] = &child
			n = child.node
		}
		if n == nil {
			return nil
		}
	}
	return n
}

// own returns the overlay's copy of a type, which may be the type itself.
func (o *overlay) own(n *node) *node {
	if o.owned[n] {
		return n
	}
	copied := *n
	copied.fields = maps.Clone(n.fields)
	o.owned[&copied] = true
	return &copied
}
