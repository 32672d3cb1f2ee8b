package catalog

import (
	"fmt"
	"maps"
	"slices"
	"strings"
)

// Mapping names the tables of one resource type, unquoted and in their case.
type Mapping struct {
	Type, Table string

	// History is the name of the table's history. Nil means the name of the table
	// followed by "_history", and an empty name means that there is no history.
	History *string
}

// ParseMapping parses a mapping such as Observation=observation_main,observation_main_history.
// Without the second name, the history has the usual name. With an empty one, as in
// Observation=observation_main, (with the comma), there is no history.
func ParseMapping(text string) (Mapping, error) {
	resourceType, tables, _ := strings.Cut(text, "=")
	table, history, hasHistory := strings.Cut(tables, ",")
	m := Mapping{Type: resourceType, Table: table}
	if hasHistory {
		m.History = &history
	}
	if !isTypeName(resourceType) || table == "" || len(table) > maxName || len(history) > maxName || strings.ContainsAny(history, ",;=") || table == history {
		return Mapping{}, fmt.Errorf("a table must be given as in Observation=observation_main,observation_main_history, got %q", text)
	}
	return m, nil
}

// String returns the form that ParseMapping parses.
func (m Mapping) String() string {
	if m.History == nil {
		return m.Type + "=" + m.Table
	}
	return m.Type + "=" + m.Table + "," + *m.History
}

// CheckMappings returns an error if two mappings name the same type or table.
func CheckMappings(mappings []Mapping) error {
	_, err := byType(mappings)
	return err
}

// byType returns the mappings by their types. It fails if two name the same type or
// table.
func byType(mappings []Mapping) (map[string]Mapping, error) {
	types, tables := map[string]Mapping{}, map[string]string{}
	for _, m := range mappings {
		if _, twice := types[m.Type]; twice {
			return nil, fmt.Errorf("resource type %s is mapped to two tables", m.Type)
		}
		types[m.Type] = m
		for _, name := range m.tables() {
			if other, twice := tables[name]; twice {
				return nil, fmt.Errorf("table %s is mapped to %s and %s", name, other, m.Type)
			}
			tables[name] = m.Type
		}
	}
	return types, nil
}

// historyName returns the name of the history, or "" without a history.
func (m Mapping) historyName() string {
	if m.History == nil {
		return m.Table + historySuffix
	}
	return *m.History
}

// tables returns the names in the mapping.
func (m Mapping) tables() []string {
	if m.History == nil || *m.History == "" {
		return []string{m.Table}
	}
	return []string{m.Table, *m.History}
}

// mappedNames returns the names of all mapped tables and histories, sorted.
func (c *Catalog) mappedNames() []string {
	names := []string{}
	for _, m := range c.mapped {
		names = append(names, m.tables()...)
	}
	slices.Sort(names)
	return names
}

// MappingText returns a canonical form of the mappings.
func MappingText(mappings []Mapping) string {
	texts := map[string]bool{}
	for _, m := range mappings {
		texts[m.String()] = true
	}
	return strings.Join(slices.Sorted(maps.Keys(texts)), ";")
}
