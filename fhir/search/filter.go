package search

import (
	"strconv"
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

// maxValues is how many values a filter may have: PostgreSQL takes 65535
// arguments in a statement, and a value needs up to four.
const maxValues = 10_000

// Parse reads a FHIR search on resources of a type: the part of a URL behind the
// question mark, as in "code=http://loinc.org|4548-4&date=ge2020", after HTTP has
// decoded it. %XX stands for a byte, so that a value can contain an ampersand; a %
// without two hexadecimal digits and a plus sign stand for themselves. Every
// parameter must hold; of the values of one, separated by commas, any. An empty query
// wants every resource. An error is an *Error.
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
			return Filter{}, &Error{Parameter: name, Reason: "there are too many values in the search"}
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

// decode splits a pair of a query at the equals sign and undoes its encoding.
func decode(pair string) (name, value string, err error) {
	name, value, found := strings.Cut(pair, "=")
	name, value = unescapePercent(name), unescapePercent(value)
	switch {
	case !storable(name):
		return "", "", &Error{Reason: "the name of a parameter is not UTF-8 without NUL"}
	case !found:
		return "", "", &Error{Parameter: name, Reason: "it has no value"}
	case !storable(value):
		return "", "", &Error{Parameter: name, Reason: "its value is not UTF-8 without NUL"}
	}
	return name, value, nil
}

// unescapePercent replaces each %XX by its byte.
func unescapePercent(text string) string {
	if !strings.Contains(text, "%") {
		return text
	}
	decoded := make([]byte, 0, len(text))
	for i := 0; i < len(text); i++ {
		if text[i] == '%' && i+2 < len(text) {
			if b, err := strconv.ParseUint(text[i+1:i+3], 16, 8); err == nil {
				decoded = append(decoded, byte(b))
				i += 2
				continue
			}
		}
		decoded = append(decoded, text[i])
	}
	return string(decoded)
}

// Encode writes a parameter as Parse reads it.
func Encode(name, value string) string {
	return escapeQuery.Replace(name) + "=" + escapeQuery.Replace(value)
}

var escapeQuery = strings.NewReplacer("%", "%25", "&", "%26", "=", "%3D")

// Supported returns the parameters that Parse accepts for a resource type,
// sorted by name: those of the type itself and those of every resource.
func Supported(resourceType string) []params.Parameter {
	var all []params.Parameter
	for _, p := range params.R4().Parameters(resourceType) {
		if p.Unsupported == "" {
			all = append(all, p)
		}
	}
	return all
}
