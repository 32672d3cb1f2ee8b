package source

// Table is a FHIR table: the current version of every resource of one type.
type Table struct {
	// Type is the resource type, as in "Patient".
	Type string

	// Schema and Name are what the catalog calls the table, unquoted.
	Schema, Name string

	// Readable tells whether the role may read it.
	Readable bool

	// HasCreated tells whether there is a column cts, the time of creation.
	// Fhirbase's tables have none.
	HasCreated bool

	// HasHistory tells whether there is a table Name + "_history" beside it with
	// the columns id and ts (timestamptz), and the role may read these.
	HasHistory bool

	// HasVersions tells whether it has the columns txid and resource (jsonb) as well,
	// and the role may read these too.
	HasVersions bool

	// HistoryBytes is the size on disk of that table, without TOAST.
	HistoryBytes int64

	// Bytes is the size on disk, TOAST included: compressed there, so often
	// less than what a scan hands out.
	Bytes int64

	// Blocks is the number of blocks of the table itself, without TOAST.
	Blocks int64

	// Members are the relations that hold the rows, with their own sizes: the
	// table alone, or the leaves of its tree of partitions (or heirs).
	Members []Member
}

// History returns the name of the table's history as SQL writes it.
func (t Table) History() string { return quote(t.Schema, t.Name+historySuffix) }

// Quoted returns the table's name with its schema, as SQL writes it.
func (t Table) Quoted() string { return quote(t.Schema, t.Name) }

// Member is one relation of those that hold a table's rows.
type Member struct {
	Schema, Name  string
	Bytes, Blocks int64

	// Whole means that the member is to be read in one go: its rows have no block
	// addresses, as those of a foreign table, or an index finds those that are
	// wanted (Snapshot.Narrow).
	Whole bool

	// ByLookup means that it is the scan's Lookup that finds them.
	ByLookup bool `json:",omitempty"`
}
