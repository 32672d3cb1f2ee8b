package catalog

// Relation is one of those that hold the rows of a table.
type Relation struct {
	// Type is the resource type of its rows.
	Type string

	// Schema and Name are what the catalog calls it, unquoted.
	Schema, Name string

	// HasCreated is Table.HasCreated, and Casts Table.Casts.
	HasCreated bool
	Casts      bool `json:",omitempty"`
}

// Relations lists those that hold the rows of a table that is not narrowed.
// ErrNoAddresses if one of them has rows without addresses.
func (t Table) Relations() ([]Relation, error) {
	relations := make([]Relation, len(t.Members))
	for i, m := range t.Members {
		if m.Unsplit {
			return nil, &TableError{Type: t.Type, Err: ErrNoAddresses}
		}
		relations[i] = Relation{Type: t.Type, Schema: m.Schema, Name: m.Name, HasCreated: t.HasCreated, Casts: t.Casts}
	}
	return relations, nil
}
