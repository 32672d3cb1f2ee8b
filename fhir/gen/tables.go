package main

import (
	"bytes"
	"fmt"
	"slices"
	"strings"
)

type definition struct {
	Kind           string `json:"kind"`
	Derivation     string `json:"derivation"`
	Abstract       bool   `json:"abstract"`
	FHIRVersion    string `json:"fhirVersion"`
	Type           string `json:"type"`
	BaseDefinition string `json:"baseDefinition"`
	Snapshot       struct {
		Element []element `json:"element"`
	} `json:"snapshot"`
}

type element struct {
	Path string `json:"path"`
	Min  int    `json:"min"`
	Max  string `json:"max"`
	Base struct {
		Path string `json:"path"`
	} `json:"base"`
	Binding struct {
		ValueSet string `json:"valueSet"`
	} `json:"binding"`
	ContentReference string `json:"contentReference"`
	Type             []struct {
		Code string `json:"code"`
	} `json:"type"`
}

// definitions returns the StructureDefinitions in bundles that are not of a profile, a
// primitive, a logical model or another FHIR version, sorted by name.
func definitions(bundles ...[]byte) ([]definition, error) {
	all, err := resources[definition]("StructureDefinition", bundles...)
	all = slices.DeleteFunc(all, func(d definition) bool {
		return d.FHIRVersion != version || d.Derivation == "constraint" || d.Kind != "resource" && d.Kind != "complex-type"
	})
	slices.SortFunc(all, func(a, b definition) int { return strings.Compare(a.Type, b.Type) })
	return all, err
}

// tables returns the definitions as the text that package fhir embeds.
func tables(all []definition) []byte {
	var out bytes.Buffer
	out.WriteString(header("every element of every resource and data type", "StructureDefinitions", typeFiles,
		`# A type:     kind name base          (kind: resource, datatype, backbone, abstract)
# an element:   name[*][!] type...    (*: repeats; !: mandatory; [x]: a choice of the types)
# An element of a base type is not repeated in the types built on it.
# A lower-case type is a primitive.
`))
	for _, d := range all {
		write(&out, d)
	}
	return out.Bytes()
}

// write writes a definition: the type, then its backbone elements in their order.
func write(out *bytes.Buffer, d definition) {
	kind := map[string]string{"resource": "resource", "complex-type": "datatype"}[d.Kind]
	if d.Abstract {
		kind = "abstract"
	}
	base := d.BaseDefinition[strings.LastIndexByte(d.BaseDefinition, '/')+1:]
	fmt.Fprintf(out, "\n%s\n", strings.TrimSpace(kind+" "+d.Type+" "+base))
	members(out, d, d.Type)

	for _, e := range d.Snapshot.Element {
		if len(e.Type) == 1 && backbone(e.Type[0].Code) && e.Path != d.Type && own(e) {
			fmt.Fprintf(out, "backbone %s %s\n", e.Path, e.Type[0].Code)
			members(out, d, e.Path)
		}
	}
}

// members writes the elements directly under a path.
func members(out *bytes.Buffer, d definition, path string) {
	for _, e := range d.Snapshot.Element {
		name, under := strings.CutPrefix(e.Path, path+".")
		if !under || strings.Contains(name, ".") || !own(e) {
			continue
		}
		if e.Max == "*" {
			name += "*"
		}
		if e.Min > 0 {
			name += "!"
		}
		fmt.Fprintf(out, "  %s %s\n", name, strings.Join(types(e), " "))
	}
}

// own reports whether an element is not inherited.
func own(e element) bool { return e.Base.Path == e.Path }

func backbone(code string) bool { return code == "BackboneElement" || code == "Element" }

// types returns the types of an element. The type of a backbone element is its path, or
// the path of the element that it refers to.
func types(e element) []string {
	if e.ContentReference != "" {
		return []string{e.ContentReference[strings.IndexByte(e.ContentReference, '#')+1:]}
	}
	names := make([]string, 0, len(e.Type))
	for _, t := range e.Type {
		switch {
		case backbone(t.Code):
			names = append(names, e.Path)
		case strings.HasPrefix(t.Code, "http://hl7.org/fhirpath/System."):
			names = append(names, "string")
		default:
			names = append(names, t.Code)
		}
	}
	return names
}

// elements are the members of each type, by the name of the type or the path of a backbone
// element, and by the name of the member.
type elements map[string]map[string]*member

// member is an element of a type.
type member struct {
	many, choice bool
	types        []string // of its values; for a backbone element, its path
	valueSet     string   // to which its codes are bound
}

// index returns the elements of all types, including inherited ones.
func index(all []definition) elements {
	e := make(elements)
	for _, d := range all {
		e[d.Type] = make(map[string]*member)
		for _, el := range d.Snapshot.Element {
			dot := strings.LastIndexByte(el.Path, '.')
			if dot < 0 {
				continue
			}
			parent, name := el.Path[:dot], el.Path[dot+1:]
			if e[parent] == nil {
				e[parent] = make(map[string]*member)
			}
			name, choice := strings.CutSuffix(name, "[x]")
			e[parent][name] = &member{many: el.Max == "*", choice: choice, types: types(el), valueSet: el.Binding.ValueSet}
		}
	}
	return e
}
