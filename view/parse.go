package view

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// The limits of a ViewDefinition, which bound the memory of its plan and of a row.
const (
	maxColumns = 2000 // including all branches of unions
	maxSelects = 1000
	maxPaths   = 100 // of a repeat
	maxName    = 255 // bytes of the name of a view, constant or column
)

// The limits of the elements that identify a ViewDefinition, in bytes. An index of
// PostgreSQL has entries of at most 2704 bytes.
const (
	maxURLBytes     = 1000
	maxVersionBytes = 100
	maxNameBytes    = 255
)

// resourceTypes are the values of resourceType in the published forms; the second is that
// of 2.0.0.
var resourceTypes = []string{"ViewDefinition", "https://sql-on-fhir.org/ig/StructureDefinition/ViewDefinition"}

var statuses = []string{"draft", "active", "retired", "unknown"}

// sqlName is the rule sql-name for the names of views, constants and columns.
var sqlName = regexp.MustCompile(`^[A-Za-z][A-Za-z0-9_]*$`)

// parser checks a ViewDefinition. It continues after a finding to collect all of them.
type parser struct {
	findings
	tables    *fhir.Tables
	resource  string
	constants map[string]fhirpath.Constant

	selects, columns int             // so far
	elements         map[string]bool // of the root that are read
	allElements      bool
}

// Parse parses and checks a ViewDefinition, in either of the two published JSON forms.
// The error is an *InvalidError with everything that is wrong.
func Parse(document []byte, tables *fhir.Tables) (*View, error) {
	root, finding := parseDocument(document)
	if finding != nil {
		return nil, &InvalidError{[]Finding{*finding}}
	}
	p := &parser{tables: tables, elements: map[string]bool{}}
	v := p.view(root)
	if err := p.err(); err != nil {
		return nil, err
	}
	return v, nil
}

// view checks a ViewDefinition. The result is not valid if there are findings.
func (p *parser) view(root *node) *View {
	p.checkProperties(root, viewProperties)
	v := &View{
		tables: p.tables,
		ID:     p.str(root, "id"), URL: p.str(root, "url"), Version: p.str(root, "version"), Name: p.str(root, "name"),
		Title: p.str(root, "title"), Description: p.str(root, "description"),
	}
	p.checkLength(root, "url", maxURLBytes)
	p.checkLength(root, "version", maxVersionBytes)
	p.checkLength(root, "name", maxNameBytes)
	p.checkCode(root, "resourceType", resourceTypes)
	p.checkCode(root, "status", statuses)
	p.checkVersions(root)
	if v.Name != "" {
		p.checkName(root.member("name"))
	}
	v.Resource = p.resourceOf(root)
	p.resource = v.Resource
	p.constants = p.parseConstants(root)

	resource := focus{atRoot: true}
	if v.Resource != "" {
		resource.types = []fhirpath.Type{fhirpath.Type(v.Resource)}
	}
	for _, w := range p.objects(root, "where") {
		v.where = append(v.where, p.parseWhere(w, resource)...)
	}
	s := &selection{at: root, selects: p.rootSelects(root, resource)}
	for _, c := range p.schema(s, nil) {
		v.Columns = append(v.Columns, c.Column)
	}
	if len(p.list) == 0 {
		v.plan = newLevel(s)
		v.elements = p.elementNames()
	}
	return v
}

// resourceOf returns the type of the resources that a view reads.
func (p *parser) resourceOf(root *node) string {
	m := p.requiredString(root, "resource")
	if m == nil {
		return ""
	}
	if !p.tables.IsResourceType(m.text) {
		p.add(m, "unknown resource type %s", quote(m.text))
		return ""
	}
	return m.text
}

// rootSelects parses the selects of a view, of which there must be one.
func (p *parser) rootSelects(root *node, on focus) []*selection {
	m := root.member("select")
	if m == nil {
		p.add(root.missing("select"), "select is required")
		return nil
	}
	if m.kind == arrayNode && len(m.items) == 0 {
		p.add(m, "must not be empty")
	}
	selects := p.parseSelects(root, "select", on)
	if p.columns == 0 && len(p.list) == 0 {
		p.add(m, "the view has no columns")
	}
	return selects
}

// parseWhere parses a condition: none or one, if it has a finding.
func (p *parser) parseWhere(w *node, on focus) []expression {
	p.checkProperties(w, whereProperties)
	p.str(w, "description")
	path := p.requiredString(w, "path")
	if path == nil {
		return nil
	}
	x := p.compile(path, on)
	if x == nil {
		return nil
	}
	if types := derivedTypes(x); types != nil && !slices.Contains(types, "boolean") {
		p.add(path, "must result in a boolean, but results in %s", strings.Join(types, ", "))
	}
	return []expression{{path.text, x}}
}

// checkName reports whether a name meets the rule sql-name.
func (p *parser) checkName(n *node) bool {
	switch {
	case !sqlName.MatchString(n.text):
		p.add(n, "invalid name %s; a letter followed by letters, digits and _ is allowed", quote(n.text))
	case len(n.text) > maxName:
		p.add(n, "the name has %d bytes; the maximum is %d", len(n.text), maxName)
	default:
		return true
	}
	return false
}

// checkLength checks that the text of a member, if it exists, has at most limit bytes.
func (p *parser) checkLength(object *node, name string, limit int) {
	if m := object.member(name); m != nil && len(m.text) > limit {
		p.add(m, "must be at most %d bytes, got %d", limit, len(m.text))
	}
}

// checkCode checks that a member, if it exists, is one of the strings allowed.
func (p *parser) checkCode(object *node, name string, allowed []string) {
	m := object.member(name)
	if m != nil && p.expect(m, stringNode) && !slices.Contains(allowed, m.text) {
		p.add(m, "unknown %s %s; supported are %q", name, quote(m.text), allowed)
	}
}

// checkVersions checks that a view which states its versions of FHIR is for R4, the version
// of the tables.
func (p *parser) checkVersions(root *node) {
	m := root.member("fhirVersion")
	if m == nil || !p.expect(m, arrayNode) {
		return
	}
	var versions []string
	for _, v := range m.items {
		if !p.expect(v, stringNode) || v.text == "4.0" || strings.HasPrefix(v.text, "4.0.") {
			return
		}
		versions = append(versions, v.text)
	}
	if len(versions) > 0 {
		p.add(m, "the view is not for FHIR R4 (4.0.1), but for %s", shorten(strings.Join(versions, ", ")))
	}
}

// focus is what the expressions of a select are evaluated on.
type focus struct {
	types  []fhirpath.Type // that it can have; nil if they are not known
	atRoot bool            // reports whether it is the resource itself
}

// scope returns what the names of an expression mean for a focus.
func (p *parser) scope(on focus) fhirpath.Scope {
	scope := fhirpath.Scope{Tables: p.tables, Resource: p.resource, AtRoot: on.atRoot, Constants: p.constants}
	if len(on.types) > 0 {
		scope.Focus, scope.OtherFoci = on.types[0], on.types[1:]
	}
	return scope
}

// compile compiles an expression for a focus. It returns nil after a finding.
func (p *parser) compile(path *node, on focus) *fhirpath.Expression {
	x, err := fhirpath.Compile(path.text, p.scope(on))
	if err != nil {
		p.addError(path, err)
		return nil
	}
	if on.atRoot {
		p.read(x)
	}
	return x
}

// addError records the error of an expression.
func (p *parser) addError(path *node, err error) {
	var syntax *fhirpath.Error
	if errors.As(err, &syntax) {
		p.add(path, "%s (at offset %d)", syntax.Text, syntax.Offset)
		return
	}
	p.add(path, "%s", err)
}

// read records the elements of the resource that an expression reads.
func (p *parser) read(x *fhirpath.Expression) {
	names, all := x.Elements()
	p.allElements = p.allElements || all
	for _, name := range names {
		p.elements[name] = true
	}
}

// elementNames returns the names of the elements that are read; nil means all.
func (p *parser) elementNames() []string {
	if p.allElements {
		return nil
	}
	names := []string{}
	for name := range p.elements {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}
