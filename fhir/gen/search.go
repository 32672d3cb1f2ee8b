package main

import (
	"bytes"
	"errors"
	"fmt"
	"maps"
	"regexp"
	"slices"
	"strings"
)

// definitionURL is the base URL of HL7's search parameters. The package
// also contains some of its vendor.
const definitionURL = "http://hl7.org/fhir/SearchParameter/"

// searchParameter holds the members of a SearchParameter that the tables need.
type searchParameter struct {
	URL        string   `json:"url"`
	Version    string   `json:"version"`
	Code       string   `json:"code"`
	Base       []string `json:"base"`
	Type       string   `json:"type"`
	Expression string   `json:"expression"`
	Target     []string `json:"target"`
	Component  []struct {
		Definition string `json:"definition"`
		Expression string `json:"expression"`
	} `json:"component"`
}

// suitable are the types of elements that a parameter can search. Other targets of its
// expression are ignored: a parameter of type date ignores the Age in Condition.onset.
var suitable = map[string][]string{
	"date":      {"date", "dateTime", "instant", "Period", "Timing"},
	"number":    {"decimal", "integer", "positiveInt", "unsignedInt", "Range"},
	"quantity":  {"Age", "Count", "Distance", "Duration", "Money", "Quantity", "Range"},
	"reference": {"Reference", "canonical", "uri", "url"},
	"string":    {"Address", "HumanName", "markdown", "string"},
	"token":     {"CodeableConcept", "Coding", "ContactPoint", "Identifier", "boolean", "code", "id", "string", "uri"},
	"uri":       {"canonical", "oid", "uri", "url", "uuid"},
}

// searchTables returns HL7's search parameters as the text that package
// fhir/search/params embeds.
func searchTables(e elements, sets []valueSet, parameters []searchParameter) ([]byte, error) {
	w := searchWriter{e, sets, make(map[string]searchParameter)}
	byBase := make(map[string][]searchParameter)
	for _, p := range parameters {
		if !strings.HasPrefix(p.URL, definitionURL) || p.Version != version {
			continue
		}
		w.byURL[p.URL] = p
		for _, base := range p.Base {
			byBase[base] = append(byBase[base], p)
		}
	}

	var out bytes.Buffer
	out.WriteString(header("every search parameter and the elements that it searches", "SearchParameters and the ValueSets",
		append([]string{searchFile}, valueSetFiles...), searchFormat))
	for _, base := range slices.Sorted(maps.Keys(byBase)) {
		fmt.Fprintf(&out, "\n%s\n", base)
		slices.SortFunc(byBase[base], func(a, b searchParameter) int { return strings.Compare(a.Code, b.Code) })
		for _, p := range byBase[base] {
			if err := w.writeParameter(&out, base, p); err != nil {
				return nil, err
			}
		}
	}
	return out.Bytes(), nil
}

const searchFormat = `# A resource type, then
# a parameter:    name type definition      (the end of the definition's URL)
# each element:     path type more...       (the type of its values; for a code, its
#                                            possible systems; for a reference, the
#                                            types of its targets, unless any)
#   of a composite: path type: the element that contains its components, then
#                     number type path type  (of a component, relative to that element)
# or why it has none: ! reason
#
# In a path, * marks a repeating element, .Quantity is a type of a choice element,
# [Patient] a reference to one, [system=email] an object with that member, and . the
# resource itself. The type existence is true if there is a value other than false.
`

// searchWriter writes search parameters.
type searchWriter struct {
	elements
	sets  []valueSet
	byURL map[string]searchParameter
}

// writeParameter writes a parameter of a type.
func (w searchWriter) writeParameter(out *bytes.Buffer, base string, p searchParameter) error {
	fmt.Fprintf(out, "  %s %s %s\n", p.Code, p.Type, strings.TrimPrefix(p.URL, definitionURL))
	lines, err := w.elementLines(base, p)
	var reason unsupported
	if errors.As(err, &reason) {
		fmt.Fprintf(out, "    ! %s\n", reason)
		return nil
	}
	for _, line := range lines {
		fmt.Fprintf(out, "    %s\n", line)
	}
	return err
}

// exists matches an expression that is true if there is a value other than false.
var exists = regexp.MustCompile(`^([\w.]+)\.exists\(\) and ([\w.]+) != false$`)

// elementLines returns the lines of the elements of a parameter.
func (w searchWriter) elementLines(base string, p searchParameter) ([]string, error) {
	switch {
	case p.Type == "special" || p.Expression == "":
		return nil, unsupported("no generic rule defines its search")
	case p.Code == "phonetic":
		return nil, unsupported("phonetic matching is not defined")
	case p.Type == "composite":
		return w.compositeLines(base, p)
	}
	expression, existence := p.Expression, false
	if m := exists.FindStringSubmatch(expression); m != nil && m[1] == m[2] {
		expression, existence = m[1], true
	}
	targets, err := w.resolve(base, expression)
	if err != nil {
		return nil, err
	}
	if !existence {
		return w.lines(p, targets)
	}
	var lines []string
	for _, t := range targets {
		lines = append(lines, t.path+" existence")
	}
	return lines, nil
}

// anyTarget is more than the number of target types of a parameter that does not allow
// all.
const anyTarget = 100

// lines returns the lines of the targets that a parameter can search.
func (w searchWriter) lines(p searchParameter, targets []target) ([]string, error) {
	var lines []string
	for _, t := range targets {
		if !slices.Contains(suitable[p.Type], t.typ) {
			continue
		}
		words := []string{t.path, t.typ}
		switch {
		case t.typ == "code":
			words = append(words, systems(w.sets, t.valueSet)...)
		case t.typ == "Reference" && len(p.Target) < anyTarget:
			words = append(words, p.Target...)
		}
		if line := strings.Join(words, " "); !slices.Contains(lines, line) {
			lines = append(lines, line)
		}
	}
	if len(lines) == 0 {
		return nil, unsupported(fmt.Sprintf("its expression has no element that can be searched as %s", p.Type))
	}
	return lines, nil
}

// compositeLines returns the lines of the elements of a composite parameter and of their
// components.
func (w searchWriter) compositeLines(base string, p searchParameter) ([]string, error) {
	targets, err := w.resolve(base, p.Expression)
	if err != nil {
		return nil, err
	}
	var lines []string
	for _, t := range targets {
		path := t.path
		if path == "" {
			path = "."
		}
		lines = append(lines, path+" "+t.typ)
		for i, component := range p.Component {
			part := w.byURL[component.Definition]
			found, err := w.resolve(t.typ, component.Expression)
			if err != nil {
				return nil, err
			}
			ends, err := w.lines(part, found)
			if err != nil {
				return nil, err
			}
			for _, end := range ends {
				lines = append(lines, fmt.Sprintf("  %d %s %s", i+1, part.Type, end))
			}
		}
	}
	return lines, nil
}
