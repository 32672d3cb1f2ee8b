package group

import (
	"errors"
	"fmt"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/source"
)

const (
	// defaultCount and maxCount are the Groups per page.
	defaultCount = 20
	maxCount     = 100

	// maxValues bounds the values of a search: each is evaluated for each Group.
	maxValues = 1000
)

// query is a search for Groups.
type query struct {
	criteria url.Values // without the parameters about pages
	only     source.Condition
	after    string // the last id of the previous page
	count    int
}

// parseQuery parses the parameters of a search.
func parseQuery(params *endpoint.Parameters) (query, error) {
	if err := params.CheckCount(maxValues); err != nil {
		return query{}, err
	}
	q := query{count: defaultCount, criteria: url.Values{}}
	q.parsePage(params)
	endpoint.ReadFormat(params)
	criteria, names := url.Values{}, url.Values{}
	for name, values := range params.Values {
		switch parameter, _, _ := strings.Cut(name, ":"); parameter {
		case "_count", "_after", "_format":
			continue
		case "name":
			names[name] = values
		default:
			criteria[name] = values
		}
		q.criteria[name] = values
	}
	filter, err := search.Parse("Group", search.Relative("Group", encodeSearch(criteria), params.Base))
	var refused *search.Error
	switch {
	case errors.As(err, &refused):
		_ = params.Refuse(problem.NotSupported(refused.Parameter, "%s", refused.Error()))
	case err != nil:
		return query{}, problem.Internal(err)
	default:
		q.only = source.Condition(filter.Condition().SQL())
	}
	if err := params.Refuse(addNames(&q.only, names)); err != nil {
		return query{}, err
	}
	// A document that is not a resource has no members that could be left out.
	q.only.Where = strings.TrimPrefix("("+q.only.Where+") AND ", "() AND ") + "jsonb_typeof(r.resource) = 'object'"
	return q, params.Verdict()
}

// parsePage parses the parameters about pages.
func (q *query) parsePage(params *endpoint.Parameters) {
	if value, ok := params.One("_count"); ok {
		count, err := strconv.Atoi(value)
		if err != nil || count < 1 {
			_ = params.Refuse(problem.Invalid("_count", "_count must be a number, at least 1, got %s", problem.Quote(value)))
		}
		q.count = min(count, maxCount)
	}
	if q.after, _ = params.One("_after"); !endpoint.Storable(q.after) {
		_ = params.Refuse(problem.Invalid("_after", "_after must be the id of a Group"))
	}
}

// encodeSearch encodes decoded parameters for search.Parse.
func encodeSearch(parameters url.Values) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		for _, value := range parameters[name] {
			pairs = append(pairs, search.Encode(name, value))
		}
	}
	return strings.Join(pairs, "&")
}

// addNames adds the criteria name, name:exact and name:contains to the condition.
// Commas separate alternatives. Without a modifier, a value matches the beginning
// of the name; case and accents matter only for exact.
func addNames(only *source.Condition, names url.Values) error {
	const stored = "r.resource->>'name'"
	for name, criteria := range names {
		for _, values := range criteria {
			var alternatives []string
			for _, value := range search.Values(values) {
				if value == "" || !endpoint.Storable(value) {
					return problem.Invalid(name, "%s has an empty value", name)
				}
				only.Args = append(only.Args, value)
				given := fmt.Sprintf("$%d::text", len(only.Args))
				switch name {
				case "name":
					alternatives = append(alternatives, "starts_with("+search.Fold(stored)+", "+search.Fold(given)+")")
				case "name:contains":
					alternatives = append(alternatives, "strpos("+search.Fold(stored)+", "+search.Fold(given)+") > 0")
				case "name:exact":
					alternatives = append(alternatives, stored+" = "+given)
				default:
					return problem.NotSupported(name, "%s: modifier not supported; supported: exact, contains", name)
				}
			}
			where := "(" + strings.Join(alternatives, " OR ") + ")"
			if only.Where != "" {
				where = "(" + only.Where + ") AND " + where
			}
			only.Where = where
		}
	}
	return nil
}

// encode returns the query of the page after an id.
func (q query) encode(after string) string {
	values := url.Values{"_count": {strconv.Itoa(q.count)}}
	for name, criteria := range q.criteria {
		values[name] = criteria
	}
	if after != "" {
		values.Set("_after", after)
	}
	return values.Encode()
}
