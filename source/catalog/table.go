package catalog

// Table is a FHIR table: the current version of every resource of one type.
type Table struct {
	// Type is the resource type, as in "Patient".
	Type string

	// Schema and Name are what the catalog calls the table, unquoted.
	Schema, Name string

	// HasCreated tells whether there is a column cts, the time of creation.
	// Fhirbase's tables have none.
	HasCreated bool

	// Casts reports whether id or resource is stored as another type than text or
	// jsonb, such as uuid or json. They are read as text and jsonb all the same;
	// an index on id does not serve.
	Casts bool `json:",omitempty"`

	// IsView reports whether the rows are those of a view, which have no addresses.
	IsView bool `json:",omitempty"`

	// HasTypeName reports whether there is a column resource_type that can be read.
	HasTypeName bool `json:",omitempty"`

	// OtherTypes are the resource types that rows name instead of the table's, in some
	// pages of the table, if the first row names one. Only Table looks for them.
	OtherTypes []string `json:"-"`

	// HasHistory reports whether there is a history, the table HistoryName, of which
	// the columns id and ts can be read. If not, HistoryFault says why.
	HasHistory   bool
	HistoryName  string `json:",omitempty"`
	HistoryFault string `json:"-"`

	// HistoryExists reports whether there is a history, even one that can't be read.
	HistoryExists bool `json:"-"`

	// HasVersions reports whether its columns txid and resource can be read, too. If
	// not, VersionsFault says why.
	HasVersions   bool
	VersionsFault string `json:"-"`

	// HistoryCasts is Casts of the history.
	HistoryCasts bool `json:",omitempty"`

	// HistoryBytes is the size on disk of the history, without TOAST.
	HistoryBytes int64

	// Bytes is the size on disk, TOAST included: compressed there, so often
	// less than what a scan hands out.
	Bytes int64

	// Pages is the number of blocks of the table itself, without TOAST.
	Pages int64

	// Members are the relations that hold the rows, with their own sizes: the
	// table alone, or the leaves of its tree of partitions (or heirs).
	Members []Member
}

// History returns what SQL reads the table's history from, to be followed by an
// alias: the columns id and ts and, with HasVersions, txid and resource.
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

// Quoted returns what SQL reads the table's rows from, to be followed by an alias.
func (t Table) Quoted() string { return t.From(t.Schema, t.Name, false) }

// Member is one relation of those that hold a table's rows.
type Member struct {
	Schema, Name string
	Bytes, Pages int64

	// Unsplit means that the member is to be read in one go: its rows have no block
	// addresses, as those of a foreign table, or an index finds those that are
	// wanted (Snapshot.PlanIndexes).
	Unsplit bool

	// ByLookup means that it is the scan's Lookup that finds them.
	ByLookup bool `json:",omitempty"`
}
