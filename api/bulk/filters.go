package bulk

import (
	"errors"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/fhir/search"
)

// maxFilterArgs bounds the arguments that the filters of a type bind in one
// statement; PostgreSQL's limit is 65535.
const maxFilterArgs = 50_000

// maxFilters bounds the filters of a request: each is evaluated for each row.
const maxFilters = 1000

// parseFilters parses _typeFilter: FHIR searches on the types to export, such as
// Observation?status=final (Bulk Data 3.0.0, "_typeFilter Query Parameter").
func (b *requestBuilder) parseFilters() error {
	queries := map[string][]string{}
	filters := map[string][]search.Filter{}
	count := 0
	for _, value := range b.params.Repeated("_typeFilter") {
		for _, text := range search.SplitTypeFilters(value) {
			if count++; count > maxFilters {
				return b.params.Refuse(problem.TooMany("_typeFilter", maxFilters, "filters"))
			}
			filter, query, err := parseFilter(b.params.Base, text, b.request.Types)
			if err != nil {
				if err := b.params.Forgive(err); err != nil {
					return err
				}
				continue
			}
			resourceType := filter.ResourceType()
			queries[resourceType] = append(queries[resourceType], query)
			filters[resourceType] = append(filters[resourceType], filter)
		}
	}
	for resourceType, filters := range filters {
		if _, args := search.Any(filters...).Where.Statement(); len(args) > maxFilterArgs {
			return b.params.Refuse(problem.TooMany("_typeFilter", maxFilterArgs, "values for "+resourceType))
		}
	}
	if len(queries) > 0 {
		b.request.Filters = queries
	}
	return nil
}

// parseFilter parses one filter. The returned query has relative references to
// resources of this server, whose base URL is given.
func parseFilter(base, text string, types []string) (filter search.Filter, query string, err error) {
	resourceType, query, found := strings.Cut(text, "?")
	if !found || query == "" {
		return filter, "", problem.Invalid("_typeFilter", "_typeFilter must be a search such as Observation?status=final, got %s", problem.Quote(text))
	}
	if !slices.Contains(types, resourceType) {
		return filter, "", problem.Invalid("_typeFilter", "_typeFilter: %s is not among the resource types to export", problem.Quote(resourceType))
	}
	query = search.Relative(resourceType, query, base)
	filter, err = search.Parse(resourceType, query)
	var refused *search.Error
	if errors.As(err, &refused) {
		p := problem.Invalid("_typeFilter", "_typeFilter of %s: %s", resourceType, problem.Shorten(refused.Error()))
		if refused.Unsupported {
			p.Code = "not-supported"
		}
		return filter, "", p
	}
	if err != nil {
		return filter, "", problem.Internal(err)
	}
	return filter, query, nil
}
