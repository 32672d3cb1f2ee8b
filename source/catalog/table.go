package catalog

// Table is a FHIR table: the current version of every resource of one type.
type Table struct {
	// Type is the resource type, as in "Patient".
	Type string

	// Schema and Name identify the table, unquoted.
	Schema, Name string

	// HasCreated reports whether there is a column cts, the time of creation.
	// Fhirbase's tables have none.
	HasCreated bool

	// Casts reports whether id or resource is stored as another type than text or jsonb,
	// such as uuid or json, and is cast when it is read. An index on id is then not used.
	Casts bool `json:",omitempty"`

	// IsView reports whether it is a view, whose rows have no addresses.
	IsView bool `json:",omitempty"`

	// HasTypeName reports whether there is a column resource_type that can be read.
	HasTypeName bool `json:",omitempty"`

	// OtherTypes are the resource types that rows in some pages of the table name instead
	// of the table's, if the first row names one. Only Catalog.Find sets it.
	OtherTypes []string `json:"-"`

	// HasHistory reports whether there is a history, the table HistoryName, whose columns
	// id and ts can be read. If not, HistoryFault is the reason.
	HasHistory   bool
	HistoryName  string `json:",omitempty"`
	HistoryFault string `json:"-"`

	// HistoryPrivilege is what the role lacks on the history (UnreadableError.Privilege).
	HistoryPrivilege string `json:"-"`

	// HistoryExists reports whether there is a history, even one that cannot be read.
	HistoryExists bool `json:"-"`

	// HasVersions reports whether its columns txid and resource can also be read. If not,
	// VersionsFault is the reason.
	HasVersions   bool
	VersionsFault string `json:"-"`

	// HistoryCasts is Casts of the history.
	HistoryCasts bool `json:",omitempty"`

	// HistoryBytes is the size on disk of the history, without TOAST.
	HistoryBytes int64

	// Bytes is the size on disk with TOAST, where values are compressed: often less than
	// what a scan returns.
	Bytes int64

	// Pages is the number of pages of the table itself, without TOAST.
	Pages int64

	// Members are the relations that contain the rows, with their own sizes: only the
	// table, or the leaves of its tree of partitions (or of tables that inherit from it).
	Members []Member
}

// History returns the table's history as an item of a FROM, without an alias. It has the
// columns id and ts and, if HasVersions, txid and resource.
func (t Table) History() string {
	name := Quote(t.Schema, t.HistoryName)
	switch {
	case !t.HistoryCasts:
		return name
	case !t.HasVersions:
		return "(SELECT t.id::text AS id, t.ts FROM " + name + " AS t)"
	}
	return "(SELECT t.id::text AS id, t.txid, t.ts, t.resource::jsonb AS resource FROM " + name + " AS t)"
}

// Quoted returns the table as an item of a FROM, without an alias.
func (t Table) Quoted() string { return t.From(t.Schema, t.Name, false) }

// Member is a relation that contains rows of a table.
type Member struct {
	Schema, Name string
	Bytes, Pages int64

	// Unsplit means that the member cannot be read in page ranges: its rows have no
	// addresses, as in a view, or an index finds them (source.Snapshot.PlanIndexes).
	Unsplit bool

	// ByLookup means that the Lookup of the scan's condition finds the rows.
	ByLookup bool `json:",omitempty"`
}

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
