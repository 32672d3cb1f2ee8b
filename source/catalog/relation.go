package catalog

// Relation is a relation that contains rows of a table.
type Relation struct {
	// Type is the resource type of its rows.
	Type string

	// Schema and Name identify the relation, unquoted.
	Schema, Name string

	// HasCreated and Casts are equal to the fields of the Table.
	HasCreated bool
	Casts      bool `json:",omitempty"`
}

// Relations returns the relations that contain the table's rows. It fails with
// ErrNoAddresses if the rows of one have no addresses. The table must be as it was
// measured, without the changes of source.Snapshot.PlanIndexes.
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
