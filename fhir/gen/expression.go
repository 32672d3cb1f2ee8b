package main

import (
	"regexp"
	"strings"
)

// target is a result of a FHIRPath expression: an element with its type and its path in
// the stored document.
type target struct {
	path     string // in the syntax of the search tables
	typ      string
	valueSet string // to which its codes are bound
}

// unsupported is the reason why an expression is not supported.
type unsupported string

func (u unsupported) Error() string { return string(u) }

var (
	cast     = regexp.MustCompile(`^\(\s*([\w.]+) as (\w+)\s*\)`)
	asType   = regexp.MustCompile(`^(?:as|ofType)\((\w+)\)$`)
	resolves = regexp.MustCompile(`^where\(resolve\(\) is (\w+)\)$`)
	equals   = regexp.MustCompile(`^where\((\w+)\s*=\s*'([\w-]+)'\)$`)
	name     = regexp.MustCompile(`^[a-z]\w*$`)
)

// resolve returns the targets of an expression, which may be a union, from a type. It
// ignores members of a union that start at another type.
func (e elements) resolve(from, expression string) ([]target, error) {
	var found []target
	for part := range strings.SplitSeq(expression, "|") {
		steps := steps(strings.TrimSpace(part))
		if first := steps[0]; e[first] != nil && first != "" {
			if first != from {
				continue
			}
			steps = steps[1:]
		}
		targets, err := e.follow(from, steps)
		if err != nil {
			return nil, err
		}
		found = append(found, targets...)
	}
	return found, nil
}

// steps splits a path at the dots outside brackets. "(a as T)" is read as "a.as(T)".
func steps(path string) []string {
	path = cast.ReplaceAllString(path, "$1.as($2)")
	var all []string
	depth, start := 0, 0
	for i := range len(path) {
		switch path[i] {
		case '(':
			depth++
		case ')':
			depth--
		case '.':
			if depth == 0 {
				all, start = append(all, path[start:i]), i+1
			}
		}
	}
	return append(all, path[start:])
}

// follow evaluates the steps one by one.
func (e elements) follow(from string, steps []string) ([]target, error) {
	at := []target{{typ: from}}
	for _, step := range steps {
		var next []target
		for _, t := range at {
			reached, err := e.step(t, step)
			if err != nil {
				return nil, err
			}
			next = append(next, reached...)
		}
		if at = next; len(at) == 0 {
			return nil, unsupported("its FHIRPath expression leads to no element")
		}
	}
	return at, nil
}

func (e elements) step(t target, step string) ([]target, error) {
	if m := asType.FindStringSubmatch(step); m != nil {
		if !strings.EqualFold(t.typ, m[1]) { // one definition says DateTime
			return nil, nil
		}
		return []target{t}, nil
	}
	if m := resolves.FindStringSubmatch(step); m != nil && t.typ == "Reference" {
		return []target{{path: t.path + "[" + m[1] + "]", typ: t.typ}}, nil
	}
	if m := equals.FindStringSubmatch(step); m != nil && e[t.typ][m[1]] != nil {
		return []target{{path: t.path + "[" + m[1] + "=" + m[2] + "]", typ: t.typ}}, nil
	}
	if !name.MatchString(step) {
		return nil, unsupported("its FHIRPath expression is not supported")
	}
	return e.children(t, step), nil
}

// children returns the elements with a name: for a choice element, one for each of its
// types.
func (e elements) children(t target, name string) []target {
	path := name
	if t.path != "" {
		path = t.path + "." + name
	}
	m := e[t.typ][name]
	if m == nil {
		return nil
	}
	if m.many {
		path += "*"
	}
	var all []target
	for _, typ := range m.types {
		if m.choice {
			all = append(all, target{path + "." + typ, typ, m.valueSet})
		} else {
			all = append(all, target{path, typ, m.valueSet})
		}
	}
	return all
}
