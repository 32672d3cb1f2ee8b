package search

import (
	"net/url"
	"strings"
)

// Filter is a FHIR search on resources of one type.
type Filter struct {
	resourceType string
	condition    Condition
}

// ResourceType returns the type of the resources that are searched.
func (f Filter) ResourceType() string { return f.resourceType }

// Condition returns what the filter asks of a row.
func (f Filter) Condition() Condition { return f.condition }

// maxValues is how many values a filter may have: PostgreSQL takes 65535
// arguments in a statement, and a value needs up to four.
const maxValues = 10_000

// Parse reads a FHIR search on resources of a type: the part of a URL behind the
// question mark, percent-encoded as there, as in
// "code=http://loinc.org|4548-4&date=ge2020". Every parameter must hold; of the
// values of one, separated by commas, any. An empty query wants every resource.
// An error is an *Error.
func Parse(resourceType, query string) (Filter, error) {
	var wheres []Condition
	values := 0
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
		wheres = append(wheres, Condition{where: func(args *arguments) string { return where("r.resource", args) }})
	}
	return Filter{resourceType, All(wheres...)}, nil
}

// decode splits a pair of a query at the equals sign and undoes its encoding.
func decode(pair string) (name, value string, err error) {
	name, value, found := strings.Cut(pair, "=")
	decodedName, nameErr := url.QueryUnescape(name)
	decodedValue, valueErr := url.QueryUnescape(value)
	switch {
	case nameErr != nil || !storable(decodedName):
		return "", "", &Error{Reason: "the name of a parameter is not percent-encoded UTF-8"}
	case !found:
		return "", "", &Error{Parameter: decodedName, Reason: "it has no value"}
	case valueErr != nil || !storable(decodedValue):
		return "", "", &Error{Parameter: decodedName, Reason: "its value is not percent-encoded UTF-8"}
	}
	return decodedName, decodedValue, nil
}
