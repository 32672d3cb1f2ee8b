package fhir

import "strings"

// Why something passed as it was.
const (
	reasonArray      = "an array where one value belongs"
	reasonChoice     = "not a choice of one known type"
	reasonDepth      = "nested too deep"
	reasonElementID  = "a reference with an element id"
	reasonExtension  = "an element that cannot become an extension"
	reasonNoID       = "a reference with an id only"
	reasonNoObject   = "not an object"
	reasonNoType     = "a resource without a resourceType"
	reasonReference  = "a reference that is not a string"
	reasonTwice      = "the same element in two forms"
	reasonTwoTypes   = "a reference of two types"
	reasonTwoTargets = "a reference to two targets"
)

// report tells Options.Issue about the element where the conversion is.
func (c *Converter) report(reason string) { c.reportAt(nil, reason) }

// reportAt tells Options.Issue about a member of the element where the
// conversion is.
func (c *Converter) reportAt(f *field, reason string) {
	if c.options.Issue == nil {
		return
	}
	var path strings.Builder
	for _, s := range c.path {
		if s.field == nil {
			path.WriteString(s.node.name)
			continue
		}
		path.WriteByte('.')
		path.WriteString(s.field.name)
	}
	if f != nil {
		path.WriteByte('.')
		path.WriteString(f.name)
	}
	c.options.Issue(Issue{ResourceType: c.path[0].node.name, Path: path.String(), Reason: reason})
}
