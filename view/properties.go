package view

import (
	"slices"
	"strings"
)

// The properties of the objects of a ViewDefinition. Metadata is not interpreted, but a
// property that is not known is a finding: it may be a misspelled one, without which the
// view has other rows.
var (
	commonProperties = []string{"id", "extension", "modifierExtension"}

	viewProperties = slices.Concat(commonProperties, []string{
		"resourceType", "resource", "constant", "where", "select",
		"meta", "implicitRules", "language", "text", "contained",
		"url", "identifier", "version", "versionAlgorithmString", "versionAlgorithmCoding",
		"name", "title", "status", "experimental", "date", "publisher", "contact",
		"description", "useContext", "jurisdiction", "purpose", "copyright", "copyrightLabel",
		"approvalDate", "lastReviewDate", "effectivePeriod", "topic", "author", "editor",
		"reviewer", "endorser", "relatedArtifact", "profile", "fhirVersion",
		"resourceDefinition", // in all published examples of 2.0.0
	})

	constantProperties = slices.Concat(commonProperties, []string{"name", "value[x]"})
	whereProperties    = slices.Concat(commonProperties, []string{"path", "description"})
	selectProperties   = slices.Concat(commonProperties, []string{
		"column", "select", "forEach", "forEachOrNull", "repeat", "unionAll",
	})
	columnProperties = slices.Concat(commonProperties, []string{
		"name", "path", "description", "collection", "type", "tag", "tags",
	})
	tagProperties = slices.Concat(commonProperties, []string{"name", "value"})
)

// interpreted are the properties that are read, in any object, and value[x].
var interpreted = []string{
	"resourceType", "resource", "constant", "where", "select", "id", "url", "version", "name", "title", "description", "status", "fhirVersion",
	"path", "column", "forEach", "forEachOrNull", "repeat", "unionAll", "collection", "type", "tag", "tags",
}

// isInterpreted reports whether the value of a property is read.
func isInterpreted(name string) bool {
	return slices.Contains(interpreted, name) || strings.HasPrefix(name, "value")
}

// checkProperties checks the names of the members of an object. A name that begins with _
// holds the id and the extensions of a primitive.
func (p *parser) checkProperties(object *node, known []string) {
	seen := make(map[string]bool, len(object.members))
	for _, m := range object.members {
		switch {
		case seen[m.name]:
			p.add(m, "duplicate property")
		case !isKnown(strings.TrimPrefix(m.name, "_"), known):
			p.add(m, "unknown property; supported are %s", strings.Join(known[len(commonProperties):], ", "))
		}
		seen[m.name] = true
	}
}

// isKnown reports whether a name is one of those known, of which value[x] stands for all
// that begin with value.
func isKnown(name string, known []string) bool {
	return slices.ContainsFunc(known, func(k string) bool {
		prefix, choice := strings.CutSuffix(k, "[x]")
		return name == k || choice && strings.HasPrefix(name, prefix)
	})
}

// str returns the text of a member that must be a string, if it exists.
func (p *parser) str(object *node, name string) string {
	m := object.member(name)
	if m == nil || !p.expect(m, stringNode) {
		return ""
	}
	return m.text
}

// requiredString returns a member that must be a string that is not empty, or nil.
func (p *parser) requiredString(object *node, name string) *node {
	m := object.member(name)
	switch {
	case m == nil:
		p.add(object.missing(name), "%s is required", name)
		return nil
	case !p.expect(m, stringNode):
		return nil
	case m.text == "":
		p.add(m, "must not be empty")
		return nil
	}
	return m
}

// objects returns the items of a member that must be an array of objects, if it exists.
func (p *parser) objects(object *node, name string) (items []*node) {
	m := object.member(name)
	if m == nil || !p.expect(m, arrayNode) {
		return nil
	}
	for _, item := range m.items {
		if p.expect(item, objectNode) {
			items = append(items, item)
		}
	}
	return items
}

// expect reports whether a node is of a kind; it is a finding if it is not.
func (p *parser) expect(n *node, kind nodeKind) bool {
	if n.kind != kind {
		p.add(n, "must be %s, got %s", kind, n.kind)
	}
	return n.kind == kind
}
