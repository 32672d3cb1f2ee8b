package fhir

import (
	"bytes"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/jsonscan"
)

// Subset selects root elements of the resources of one type. It is immutable.
type Subset struct {
	keep       map[string]bool
	extensions bool
	tagged     bool // what it is applied to
}

// alwaysKept are the elements that are necessary to interpret the others.
var alwaysKept = []string{"resourceType", "id", "meta", "implicitRules", "modifierExtension"}

// HasElement reports whether resources of a type have a root element with this name.
// A choice element has its own name (deceased, or deceased[x]) and one for each of its
// types (deceasedBoolean).
func (t *Tables) HasElement(resourceType, name string) bool {
	n, ok := t.resources[resourceType]
	if !ok {
		return false
	}
	f := n.fields[strings.TrimSuffix(name, "[x]")]
	return f != nil && f.extended == nil && (f.options != nil || !strings.HasSuffix(name, "[x]"))
}

// Subset returns a subset with these root elements of resources of a type, and the
// mandatory ones. It ignores elements that the type does not have. A resource that it is
// applied to is tagged as incomplete.
func (t *Tables) Subset(resourceType string, elements []string) *Subset {
	s := t.subset(resourceType, elements, true)
	for _, name := range alwaysKept {
		s.keep[name] = true
	}
	s.tagged = true
	return s
}

// Projection returns a subset with only these root elements of resources of a type, for
// a reader that does not look at others. A resource that it is applied to is not tagged.
func (t *Tables) Projection(resourceType string, elements []string) *Subset {
	return t.subset(resourceType, elements, false)
}

func (t *Tables) subset(resourceType string, elements []string, mandatory bool) *Subset {
	s := &Subset{keep: map[string]bool{}}
	n, ok := t.resources[resourceType]
	if !ok {
		n = t.custom
	}
	for name, f := range n.fields {
		choice := f
		if f.choice != nil {
			choice = f.choice
		}
		wanted := mandatory && choice.mandatory || slices.ContainsFunc(elements, func(element string) bool {
			element = strings.TrimSuffix(element, "[x]")
			// In Aidbox format, a choice element has one name for all its types.
			return element == name || element == choice.name || f.options != nil && n.fields[element] != nil && n.fields[element].choice == f
		})
		if wanted {
			s.keep[name] = true
		}
	}
	s.extensions = s.keep["extension"]
	return s
}

// keeps reports whether the subset includes a member of a root. f is its field, or
// nil.
func (s *Subset) keeps(name []byte, f *field) bool {
	if f != nil && f.extended != nil {
		return s.extensions
	}
	if len(name) > 0 && name[0] == '_' {
		name = name[1:]
	}
	return s.keep[string(name)]
}

// subsetted is the tag of an incomplete resource (FHIR R4, "_elements").
const subsetted = `{"system":"http://terminology.hl7.org/CodeSystem/v3-ObservationValue","code":"SUBSETTED"}`

// markSubsetted adds the tag to the resource in dst[start:].
func markSubsetted(dst []byte, start int) []byte {
	doc := dst[start:]
	if jsonscan.At(doc, 0) != '{' {
		return dst
	}
	meta, ok := jsonscan.FindMember(doc, 0, "meta")
	if !ok || jsonscan.At(doc, meta.Value) != '{' {
		return dst // the columns of a row always provide one
	}
	tag, ok := jsonscan.FindMember(doc, meta.Value, "tag")
	if !ok || jsonscan.At(doc, tag.Value) != '[' {
		return insertLast(dst, start+jsonscan.ValueEnd(doc, meta.Value)-1, '{', `"tag":[`+subsetted+`]`)
	}
	end := jsonscan.ValueEnd(doc, tag.Value)
	if bytes.Contains(doc[tag.Value:end], []byte(`"SUBSETTED"`)) {
		return dst
	}
	return insertLast(dst, start+end-1, '[', subsetted)
}

// insertLast inserts text as the last member, before the closing bracket at i.
func insertLast(dst []byte, i int, opening byte, text string) []byte {
	if dst[i-1] != opening {
		text = "," + text
	}
	return slices.Insert(dst, i, []byte(text)...)
}
