package group

import (
	"errors"
	"maps"
	"net/url"
	"slices"
	"strconv"
	"strings"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/sqltext"
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
	only     sqltext.Condition
	after    string // the last id of the previous page
	count    int
}

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
		q.only = filter.Condition()
	}
	named, err := nameCondition(names)
	if err := params.Refuse(err); err != nil {
		return query{}, err
	}
	// A document that is not a resource has no members that could be left out.
	isResource := sqltext.Condition{Where: sqltext.Text("jsonb_typeof(r.resource) = 'object'")}
	q.only = search.All(q.only, named, isResource)
	return q, params.Verdict()
}

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

func encodeSearch(parameters url.Values) string {
	var pairs []string
	for _, name := range slices.Sorted(maps.Keys(parameters)) {
		for _, value := range parameters[name] {
			pairs = append(pairs, search.Encode(name, value))
		}
	}
	return strings.Join(pairs, "&")
}

// nameConditions are the conditions of a search by name, by parameter: a text is
// compared with the name of the Group.
var nameConditions = map[string]string{
	"name":          "starts_with({foldedname}, {foldedtext})",
	"name:contains": "strpos({foldedname}, {foldedtext}) > 0",
	"name:exact":    "{name} = {text}",
}

// nameCondition returns the condition of the criteria name, name:exact and
// name:contains. Commas separate alternatives. Without a modifier, a value matches
// the beginning of the name; case and accents matter only for exact.
func nameCondition(names url.Values) (sqltext.Condition, error) {
	var all []sqltext.Condition
	for _, name := range slices.Sorted(maps.Keys(names)) {
		condition, ok := nameConditions[name]
		if !ok {
			return sqltext.Condition{}, problem.NotSupported(name, "%s: modifier not supported; supported: exact, contains", name)
		}
		for _, values := range names[name] {
			var alternatives []sqltext.Fragment
			for _, value := range search.Values(values) {
				if value == "" || !endpoint.Storable(value) {
					return sqltext.Condition{}, problem.Invalid(name, "%s has an empty value", name)
				}
				name, text := sqltext.Text("r.resource->>'name'"), sqltext.Arg(value, "text")
				alternatives = append(alternatives, sqltext.New(condition, sqltext.Values{
					"name": name, "text": text, "foldedname": search.Fold(name), "foldedtext": search.Fold(text),
				}))
			}
			all = append(all, sqltext.Condition{Where: sqltext.Join(alternatives, " OR ")})
		}
	}
	return search.All(all...), nil
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
