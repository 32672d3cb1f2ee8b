package api

import (
	"errors"
	"regexp"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir/search"
)

// nextFilter is the comma between two filters of version 2.0.0. Others stand
// between the values of one search parameter.
var nextFilter = regexp.MustCompile(`,[A-Z][A-Za-z]*\?`)

// maxFilterArgs bounds what the filters of a type bind in one statement;
// PostgreSQL takes 65535.
const maxFilterArgs = 50_000

// maxFilters bounds the filters of a request: each is looked at for each row.
const maxFilters = 1000

// readFilters reads _typeFilter: FHIR searches on the types to export, each as
// in Observation?status=final (Bulk Data 3.0.0, "_typeFilter Query Parameter").
func readFilters(params *parameters, types []string) (map[string][]string, error) {
	queries := map[string][]string{}
	parsed := map[string][]search.Filter{}
	count := 0
	for _, value := range params.repeated("_typeFilter") {
		for _, text := range splitFilters(value) {
			if count++; count > maxFilters {
				return nil, tooMany("_typeFilter", maxFilters, "filters")
			}
			filter, query, err := readFilter(params.base, text, types)
			switch {
			case err == nil:
				resourceType := filter.ResourceType()
				queries[resourceType] = append(queries[resourceType], query)
				parsed[resourceType] = append(parsed[resourceType], filter)
			case params.forgive(err) != nil:
				return nil, err
			}
		}
	}
	for resourceType, filters := range parsed {
		if _, args := search.Any(filters...).Where.Statement(); len(args) > maxFilterArgs {
			return nil, tooMany("_typeFilter", maxFilterArgs, "values for "+resourceType)
		}
	}
	if len(queries) == 0 {
		return nil, nil
	}
	return queries, nil
}

// splitFilters splits the comma list of version 2.0.0.
func splitFilters(value string) (filters []string) {
	for {
		next := nextFilter.FindStringIndex(value)
		if next == nil {
			return append(filters, value)
		}
		filters = append(filters, value[:next[0]])
		value = value[next[0]+1:]
	}
}

// readFilter reads one filter, and returns its query as well, in which references to
// resources of this server, whose base is given, are relative.
func readFilter(base, text string, types []string) (filter search.Filter, query string, err error) {
	resourceType, query, found := strings.Cut(text, "?")
	if !found || query == "" {
		return filter, "", invalid("_typeFilter", "_typeFilter is a search such as Observation?status=final, not %s", quote(text))
	}
	if !slices.Contains(types, resourceType) {
		return filter, "", invalid("_typeFilter", "_typeFilter: %s is not among the resource types to export", quote(resourceType))
	}
	query = search.Relative(resourceType, query, base)
	filter, err = search.Parse(resourceType, query)
	var refused *search.Error
	if errors.As(err, &refused) {
		p := invalid("_typeFilter", "_typeFilter of %s: %s", resourceType, shorten(refused.Error()))
		if refused.Unsupported {
			p.code = "not-supported"
		}
		return filter, "", p
	}
	if err != nil {
		return filter, "", internal(err)
	}
	return filter, query, nil
}
