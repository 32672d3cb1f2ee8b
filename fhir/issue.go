package fhir

import "strings"

// Reasons why an element was not converted.
const (
	reasonArray      = "an array instead of a single value"
	reasonChoice     = "not a choice of one known type"
	reasonDepth      = "nested too deeply"
	reasonElementID  = "a reference with an element id"
	reasonExtension  = "an element that cannot become an extension"
	reasonNoID       = "a reference with only an id"
	reasonNoObject   = "not an object"
	reasonNoType     = "a resource without a resourceType"
	reasonReference  = "a reference that is not a string"
	reasonTwice      = "the same element in both formats"
	reasonTwoTypes   = "a reference of two types"
	reasonTwoTargets = "a reference to two targets"
)

// report calls Options.Issue for the current element.
func (c *Converter) report(reason string) { c.reportAt(nil, reason) }

// reportAt calls Options.Issue for a member of the current element.
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
