package params

import (
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// parse parses the texts that fhir/gen writes; their headers describe the format.
func parse(search, compartment string) (*Tables, error) {
	t := &Tables{parameters: make(map[string][]Parameter), compartment: make(map[string][]Path)}
	var resourceType string
	for number, line := range strings.Split(search, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || line[0] == '#' {
			continue
		}
		depth := len(line) - len(strings.TrimLeft(line, " "))
		if depth == 0 {
			resourceType = words[0]
			continue
		}
		if err := t.addLine(resourceType, depth, words); err != nil {
			return nil, fmt.Errorf("line %d: %w", number+1, err)
		}
	}
	for line := range strings.SplitSeq(compartment, "\n") {
		words := strings.Fields(line)
		if len(words) == 0 || line[0] == '#' {
			continue
		}
		if err := t.addToCompartment(words[0], words[1:]); err != nil {
			return nil, err
		}
	}
	return t, nil
}

// addLine adds an indented line: a parameter of the resource type, an element of the
// last parameter, or a component of its last element.
func (t *Tables) addLine(resourceType string, depth int, words []string) error {
	all := t.parameters[resourceType]
	if depth == 2 && len(words) == 3 {
		t.parameters[resourceType] = append(all, Parameter{
			Name: words[0], Type: words[1], Definition: definitionURL + words[2],
		})
		return nil
	}
	if len(all) == 0 {
		return fmt.Errorf("%q", words)
	}
	p := &all[len(all)-1]
	switch {
	case depth == 4 && words[0] == "!":
		p.Unsupported = strings.Join(words[1:], " ")
	case depth == 4 && len(words) >= 2:
		p.Elements = append(p.Elements, parseElement(words))
	case depth == 6 && len(words) >= 4 && len(p.Elements) > 0:
		number, err := strconv.Atoi(words[0])
		if err != nil {
			return err
		}
		element := &p.Elements[len(p.Elements)-1]
		element.Components = append(element.Components, Component{
			Number: number - 1, Type: words[1], Element: parseElement(words[2:]),
		})
	default:
		return fmt.Errorf("%q", words)
	}
	return nil
}

// parseElement parses a path, a type, and its targets or code systems.
func parseElement(words []string) Element {
	element := Element{Path: parsePath(words[0]), Type: words[1]}
	switch element.Type {
	case "code":
		element.Systems = words[2:]
	case "Reference":
		element.Targets = words[2:]
	}
	return element
}

// parsePath parses a path.
func parsePath(text string) Path {
	if text == "." {
		return nil
	}
	var path Path
	for word := range strings.SplitSeq(text, ".") {
		var s Step
		name, filter, filtered := strings.Cut(word, "[")
		s.Name, s.Many = strings.CutSuffix(name, "*")
		if filtered {
			filter = strings.TrimSuffix(filter, "]")
			var equal bool
			if s.Member, s.Value, equal = strings.Cut(filter, "="); !equal {
				s.Target, s.Member = filter, ""
			}
		}
		path = append(path, s)
	}
	return path
}

// addToCompartment adds the paths of the search parameters of a resource type that
// refer to a patient.
func (t *Tables) addToCompartment(resourceType string, parameters []string) error {
	for _, name := range parameters {
		p, ok := t.Parameter(resourceType, name)
		if !ok {
			return fmt.Errorf("compartment: %s has no parameter %s", resourceType, name)
		}
		for _, element := range p.Elements {
			path := slices.Clone(element.Path)
			last := &path[len(path)-1]
			if element.Type != "Reference" || last.Target != "" && last.Target != "Patient" {
				continue
			}
			last.Target = "Patient"
			if !slices.ContainsFunc(t.compartment[resourceType], func(other Path) bool { return slices.Equal(other, path) }) {
				t.compartment[resourceType] = append(t.compartment[resourceType], path)
			}
		}
	}
	if len(t.compartment[resourceType]) == 0 {
		return fmt.Errorf("compartment: no parameter of %s refers to a patient", resourceType)
	}
	return nil
}
