package search

import (
	"encoding/hex"
	"fmt"
	"regexp"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir/search/params"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// Filter is a FHIR search on resources of one type.
type Filter struct {
	resourceType string
	where        sqltext.Fragment // empty if it selects every row
	indexed      sqltext.Fragment // where, as an index over the documents serves it
	references   bool             // it is about references, too
}

// ResourceType returns the type of the resources that are searched.
func (f Filter) ResourceType() string { return f.resourceType }

// Condition returns the condition that the filter is.
func (f Filter) Condition() sqltext.Condition { return Any(f) }

// maxValues is the maximum number of values of a filter: a statement of PostgreSQL has
// at most 65535 arguments, and a value needs up to four.
const maxValues = 10_000

// Parse parses a FHIR search for resources of a type: the query of a URL, such as
// "code=http://loinc.org|4548-4&date=ge2020", after HTTP has decoded it. %XX is decoded
// once more, so that a value can contain an ampersand; a % without two hexadecimal
// digits and a plus sign are literal. A resource must match every parameter, and any of
// its values, which are separated by commas. An empty query matches every resource. An
// error is an *Error.
func Parse(resourceType, query string) (Filter, error) {
	var wheres, indexed []sqltext.Fragment
	values, references := 0, false
	for pair := range strings.SplitSeq(query, "&") {
		if pair == "" {
			continue
		}
		name, value, err := decode(pair)
		if err != nil {
			return Filter{}, err
		}
		c := criterion{resourceType: resourceType, values: splitValues(value, ',')}
		c.name, c.modifier, c.modified = strings.Cut(name, ":")
		if values += len(c.values); values > maxValues {
			return Filter{}, &Error{Parameter: name, Reason: fmt.Sprintf("too many values in the search: the maximum is %d", maxValues)}
		}
		where, err := c.compile()
		if err != nil {
			return Filter{}, named(name, err)
		}
		wheres = append(wheres, rootAt(where, "r.resource"))
		if c.isReference() {
			references, c.indexed = true, true
			if where, err = c.compile(); err != nil {
				return Filter{}, named(name, err)
			}
		}
		indexed = append(indexed, rootAt(where, "r.resource"))
	}
	return Filter{resourceType, combine(wheres, " AND "), combine(indexed, " AND "), references}, nil
}

// decode splits a pair of a query at the equals sign and decodes it.
func decode(pair string) (name, value string, err error) {
	name, value, found := strings.Cut(pair, "=")
	name, value = unescapePercent(name), unescapePercent(value)
	switch {
	case !storable(name):
		return "", "", &Error{Reason: "invalid parameter name: must be UTF-8 without NUL"}
	case !found:
		return "", "", &Error{Parameter: name, Reason: "missing value"}
	case !storable(value):
		return "", "", &Error{Parameter: name, Reason: "invalid value: must be UTF-8 without NUL"}
	}
	return name, value, nil
}

// unescapePercent decodes each %XX.
func unescapePercent(text string) string {
	return percentEscape.ReplaceAllStringFunc(text, func(escape string) string {
		b, _ := hex.DecodeString(escape[1:]) // two hexadecimal digits
		return string(b)
	})
}

var percentEscape = regexp.MustCompile(`%[0-9A-Fa-f]{2}`)

// Encode returns a parameter in the syntax that Parse accepts.
func Encode(name, value string) string {
	return escapeQuery.Replace(name) + "=" + escapeQuery.Replace(value)
}

var escapeQuery = strings.NewReplacer("%", "%25", "&", "%26", "=", "%3D")

// Supported returns the parameters that Parse accepts for a resource type, including
// the parameters of all resources, sorted by name.
func Supported(resourceType string) []params.Parameter {
	var all []params.Parameter
	for _, p := range params.R4().Parameters(resourceType) {
		if p.Unsupported == "" {
			all = append(all, p)
		}
	}
	return all
}
