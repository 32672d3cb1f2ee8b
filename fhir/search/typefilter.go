package search

import "regexp"

// nextTypeFilter matches the comma between two filters. Other commas separate the values
// of a search parameter.
var nextTypeFilter = regexp.MustCompile(`,[A-Z][A-Za-z]*\?`)

// SplitTypeFilters returns the filters of a value of _typeFilter, such as
// Observation?status=final. Bulk Data 2.0.0 separates several by commas; later versions
// repeat the parameter.
func SplitTypeFilters(value string) (filters []string) {
	for {
		next := nextTypeFilter.FindStringIndex(value)
		if next == nil {
			return append(filters, value)
		}
		filters = append(filters, value[:next[0]])
		value = value[next[0]+1:]
	}
}
