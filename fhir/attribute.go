package fhir

import (
	"encoding/json" //nolint:depguard // for a few rows of settings, not for data
	"errors"
	"fmt"
	"maps"
	"slices"
	"strings"
)

// An Attribute is a first-class extension: an element that Aidbox stores under
// a name of its own and that FHIR knows as an extension. Rows of Aidbox's
// table "attribute" describe them.
type Attribute struct {
	ResourceType string   // where it is: Patient
	Path         []string // the element under it: race, text
	Type         string   // of the value: Coding, dateTime; empty when it only holds other attributes
	Collection   bool     // whether it repeats
	ExtensionURL string   // of the extension; empty for an element that FHIR does not know
}

// ParseAttribute reads the resource column of a row of Aidbox's table
// "attribute", as JSON. An attribute without an extensionUrl is none of ours:
// WithAttributes passes over it.
func ParseAttribute(resource []byte) (Attribute, error) {
	var row struct {
		Resource     struct{ ID string } `json:"resource"`
		Path         []string            `json:"path"`
		Type         struct{ ID string } `json:"type"`
		IsCollection bool                `json:"isCollection"`
		ExtensionURL string              `json:"extensionUrl"`
	}
	if err := json.Unmarshal(resource, &row); err != nil {
		return Attribute{}, fmt.Errorf("attribute: %w", err)
	}
	if row.Resource.ID == "" || len(row.Path) == 0 {
		return Attribute{}, errors.New("attribute: no resource or no path")
	}
	return Attribute{row.Resource.ID, row.Path, row.Type.ID, row.IsCollection, row.ExtensionURL}, nil
}

// An extended is what a field needs to know that is an extension in FHIR.
type extended struct {
	head       []byte // the extension up to its url; nil for createdAt, whose url is the converter's
	value      *field // valueCoding; nil when other attributes are in it
	members    *node  // these
	collection bool
}

// WithAttributes returns tables that know these first-class extensions too.
// The tables themselves stay as they are. Attributes without a URL are passed
// over, and so are those where FHIR has an element of that name, has no
// extensions, or where the element above is neither FHIR's nor an attribute
// with a URL: their elements pass as stored.
func (t *Tables) WithAttributes(attributes []Attribute) *Tables {
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

// An overlay is tables to which attributes are added. The types that change
// are its own copies, one for each path.
type overlay struct {
	tables *Tables
	owned  map[*node]bool
}

// add adds one attribute, if there is a place for it.
func (o *overlay) add(a Attribute) {
	parent := o.parent(a)
	if parent == nil || a.ExtensionURL == "" {
		return
	}
	name := a.Path[len(a.Path)-1]
	if parent.fields[name] != nil || parent.fields["extension"] == nil {
		return
	}
	e := &extended{head: []byte(`{"url":"` + escape(a.ExtensionURL) + `"`), collection: a.Collection}
	if a.Type != "" {
		n := o.tables.types[a.Type]
		e.value = &field{name: "value" + strings.ToUpper(a.Type[:1]) + a.Type[1:], node: n}
	} else {
		list := &field{name: "extension", many: true, node: o.tables.types["Extension"], action: [2]action{claim, extract}}
		e.members = &node{name: name, fields: map[string]*field{"extension": list}}
		o.owned[e.members] = true
	}
	f := &field{name: name, extended: e, action: [2]action{hold, claim}}
	parent.fields[name] = f
	if parent.attributes == nil {
		parent.attributes = make(map[string]*field)
	}
	parent.attributes[escape(a.ExtensionURL)] = f

	list := *parent.fields["extension"]
	list.action = [2]action{claim, extract}
	parent.fields["extension"] = &list
}

// parent returns the overlay's own type of the element that an attribute is in,
// or nil when there is none.
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

// own returns the overlay's copy of a type, or the type when it is one.
func (o *overlay) own(n *node) *node {
	if o.owned[n] {
		return n
	}
	mine := *n
	mine.fields = maps.Clone(n.fields)
	mine.attributes = maps.Clone(n.attributes)
	o.owned[&mine] = true
	return &mine
}
