package view

import (
	"slices"

	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// selection is a select, or a branch of a union, while the view is checked.
type selection struct {
	at        *node
	iteration iteration
	paths     []expression // of the iteration
	columns   []*column
	selects   []*selection
	union     []*selection

	first, end int // its columns in the row
}

// iteration is how often a select is evaluated.
type iteration uint8

const (
	once   iteration = iota // on the focus of its parent
	each                    // forEach
	orNull                  // forEachOrNull
	deep                    // repeat
)

// iterations are the iterations by the name of their property.
var iterations = map[string]iteration{"forEach": each, "forEachOrNull": orNull, "repeat": deep}

// expression is a compiled expression with its text, for errors.
type expression struct {
	text string
	x    *fhirpath.Expression
}

// parseSelects parses the selects or the branches of a union in a member of an object.
func (p *parser) parseSelects(object *node, name string, on focus) (selects []*selection) {
	for _, s := range p.objects(object, name) {
		p.selects++
		if p.selects > maxSelects {
			if p.selects == maxSelects+1 {
				p.add(s, "too many selects; the maximum is %d, including all branches of unions", maxSelects)
			}
			break
		}
		selects = append(selects, p.parseSelect(s, on))
	}
	return selects
}

func (p *parser) parseSelect(n *node, parent focus) *selection {
	p.checkProperties(n, selectProperties)
	s := &selection{at: n}
	on := p.parseIteration(s, parent)
	s.columns = p.parseColumns(n, on)
	s.selects = p.parseSelects(n, "select", on)
	s.union = p.parseSelects(n, "unionAll", on)
	return s
}

// parseIteration parses forEach, forEachOrNull or repeat, and returns the focus of what is
// in the select.
func (p *parser) parseIteration(s *selection, parent focus) focus {
	inner := parent
	for _, m := range s.at.members {
		kind, ok := iterations[m.name]
		if !ok {
			continue
		}
		if s.iteration != once {
			p.add(m, "only one of forEach, forEachOrNull and repeat is allowed")
			continue
		}
		s.iteration = kind
		if kind == deep {
			inner = p.parseRepeat(s, m, parent)
			continue
		}
		inner = focus{}
		if path := p.requiredString(s.at, m.name); path != nil {
			inner = p.parseForEach(s, path, parent)
		}
	}
	return inner
}

func (p *parser) parseForEach(s *selection, n *node, parent focus) focus {
	x := p.compile(n, parent)
	if x == nil {
		return focus{}
	}
	s.paths = []expression{{n.text, x}}
	return focus{types: x.Types(), atRoot: parent.atRoot && x.KeepsFocus()}
}

// parseRepeat parses the paths of a repeat. They are evaluated on the focus of the parent,
// and on every item found.
func (p *parser) parseRepeat(s *selection, n *node, parent focus) focus {
	if !p.expect(n, arrayNode) {
		return focus{}
	}
	switch {
	case len(n.items) == 0:
		p.add(n, "must not be empty")
	case len(n.items) > maxPaths:
		p.add(n, "too many paths; the maximum is %d, got %d", maxPaths, len(n.items))
		return focus{}
	}
	var texts []*node
	for _, item := range n.items {
		switch {
		case !p.expect(item, stringNode):
		case item.text == "":
			p.add(item, "must not be empty")
		default:
			texts = append(texts, item)
		}
	}
	found := p.repeatTypes(texts, parent.types)
	known := parent.types != nil
	for _, text := range texts {
		x := p.compileRepeat(text, repeatFocus(parent.types, found))
		if x == nil {
			continue
		}
		if parent.atRoot {
			p.read(x)
		}
		known = known && x.Types() != nil
		s.paths = append(s.paths, expression{text.text, x})
	}
	if !known {
		found = nil
	}
	return focus{types: found}
}

// repeatFocus returns what the paths of a repeat are evaluated on.
func repeatFocus(start, found []fhirpath.Type) focus {
	if start == nil {
		return focus{}
	}
	return focus{types: slices.Concat(start, found)}
}

// compileRepeat compiles a path of a repeat. An element of another type is no mistake here
// (shared tests): it finds nothing.
func (p *parser) compileRepeat(text *node, on focus) *fhirpath.Expression {
	if x, err := fhirpath.Compile(text.text, p.scope(on)); err == nil {
		return x
	}
	if x, err := fhirpath.Compile(text.text, p.scope(focus{})); err == nil {
		return x
	}
	return p.compile(text, on)
}

// repeatTypes returns the types of the items that a repeat finds on items of the types
// start, at any depth.
func (p *parser) repeatTypes(texts []*node, start []fhirpath.Type) (found []fhirpath.Type) {
	for {
		before := len(found)
		for _, text := range texts {
			x, err := fhirpath.Compile(text.text, p.scope(repeatFocus(start, found)))
			if err != nil {
				continue // the path may exist only in a type that is found later
			}
			for _, t := range x.Types() {
				if !slices.Contains(found, t) {
					found = append(found, t)
				}
			}
		}
		if len(found) == before {
			return found
		}
	}
}
