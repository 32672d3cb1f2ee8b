package catalog

import (
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

// column is a column of a FHIR table or its history.
type column struct {
	name     string
	types    []string // read without a cast
	cast     []string // read with a cast to the first of types
	optional bool
}

var (
	idColumn       = column{name: "id", types: []string{"text", "character varying", "name"}, cast: []string{"uuid", "bigint", "integer", "character"}}
	txidColumn     = column{name: "txid", types: []string{"bigint", "integer"}}
	timeColumn     = column{name: "ts", types: []string{"timestamp with time zone"}}
	createdColumn  = column{name: "cts", types: []string{"timestamp with time zone"}, optional: true}
	resourceColumn = column{name: "resource", types: []string{"jsonb"}, cast: []string{"json"}}

	tableColumns   = []column{idColumn, txidColumn, timeColumn, createdColumn, resourceColumn}
	historyColumns = []column{idColumn, timeColumn}
	versionColumns = []column{txidColumn, resourceColumn}
)

// relationKinds names the kinds of relations (pg_class.relkind).
var relationKinds = map[string]string{"r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table"}

// relationInfo is what PostgreSQL's catalog contains about a relation that may be a FHIR
// table or the history of one.
type relationInfo struct {
	name, kind string // the kind as in pg_class.relkind

	// names and types describe the relevant columns; readable reports whether the
	// role may read them.
	names, types []string
	readable     []bool

	usage       bool // the role may use the schema
	hidden      bool // row-level security hides rows from the role, or may do so
	unpopulated bool // it is a materialized view that was never refreshed
}

func (r relationInfo) find(name string) (columnType string, readable bool) {
	if i := slices.Index(r.names, name); i >= 0 {
		return r.types[i], r.readable[i]
	}
	return "", false
}

// describe returns the relation's kind and name, as in "view patient".
func (r relationInfo) describe() string { return relationKinds[r.kind] + " " + plainName(r.name) }

// fit returns the reason why the relation cannot be read as one with these columns, or
// "". casts reports whether some of them have to be cast. A timestamp without time zone
// is not read: its instant depends on the session that wrote it.
func (r relationInfo) fit(columns []column) (casts bool, reason string) {
	var denied []string
	for _, c := range columns {
		found, readable := r.find(c.name)
		switch {
		case found == "" && c.optional:
			continue
		case found == "":
			return casts, "it has no column " + c.name
		case slices.Contains(c.types, found):
		case slices.Contains(c.cast, found):
			casts = true
		default:
			return casts, fmt.Sprintf("column %s is of type %s, not %s", c.name, found, c.types[0])
		}
		if !readable {
			denied = append(denied, c.name)
		}
	}
	switch {
	case r.kind == "f":
		return casts, "its rows are in another database, which has other snapshots"
	case !r.usage:
		return casts, "the database role of the server has no USAGE privilege on its schema"
	case len(denied) > 0 && !slices.Contains(r.readable, true):
		return casts, "the database role of the server has no SELECT privilege on it"
	case len(denied) > 0:
		return casts, "the database role of the server has no SELECT privilege on the columns " + strings.Join(denied, ", ")
	case r.hidden:
		return casts, "row-level security hides rows of it from the database role of the server"
	case r.unpopulated:
		return casts, "it has no data until REFRESH MATERIALIZED VIEW"
	}
	return casts, ""
}

// inspect decides whether the relation can be read as a FHIR table, and how.
func (c *candidate) inspect() {
	t := &c.table
	hasTypeName, readable := c.relation.find("resource_type")
	t.HasTypeName = hasTypeName != "" && readable
	created, _ := c.relation.find("cts")
	t.HasCreated = created != ""
	t.IsView = c.relation.kind == "v"

	var reason string
	if t.Casts, reason = c.relation.fit(tableColumns); reason != "" {
		id, _ := c.relation.find("id")
		resource, _ := c.relation.find("resource")
		c.fault = c.unreadable(reason, id != "" && resource != "")
		c.fault.Privilege = c.lacking()
	}
}

// lacking returns the privilege that the role lacks (UnreadableError.Privilege).
func (c *candidate) lacking() string {
	switch r := c.relation; {
	case r.kind == "f":
		return ""
	case !r.usage:
		return "USAGE ON SCHEMA " + pgx.Identifier{c.table.Schema}.Sanitize()
	case slices.Contains(r.readable, false):
		return "SELECT ON " + Quote(c.table.Schema, c.table.Name)
	}
	return ""
}

// setNoHistory records that the table has no history of this name. An empty name means
// that a mapping excludes a history.
func (c *candidate) setNoHistory(name string) {
	reason := "there is no table " + plainName(name)
	if name == "" {
		reason = "by the setting --table, it has no history"
	}
	c.table.HistoryFault, c.table.VersionsFault = reason, reason
}

// inspectHistory decides what can be read of the table's history.
func (c *candidate) inspectHistory(history relationInfo) {
	t := &c.table
	t.HistoryExists = true
	if history.kind != "f" && slices.Contains(history.readable, false) {
		t.HistoryPrivilege = "SELECT ON " + Quote(t.Schema, history.name)
	}
	deny := func(reason string) string { return history.describe() + " cannot be read: " + reason }
	if relationKinds[c.relation.kind] != relationKinds[history.kind] { // the data of a materialized view is older than the snapshot
		t.HistoryFault = deny(plainName(t.Name) + " is a " + relationKinds[c.relation.kind])
		t.VersionsFault = t.HistoryFault
		return
	}
	casts, reason := history.fit(historyColumns)
	if reason != "" {
		t.HistoryFault = deny(reason)
		t.VersionsFault = t.HistoryFault
		return
	}
	t.HasHistory, t.HistoryName, t.HistoryCasts = true, history.name, casts
	if casts, reason = history.fit(versionColumns); reason != "" {
		t.VersionsFault = deny(reason)
		return
	}
	t.HasVersions, t.HistoryCasts = true, t.HistoryCasts || casts
}

func (c *candidate) unreadable(reason string, fhirLike bool) *UnreadableError {
	return &UnreadableError{Type: c.table.Type, Relation: c.relation.describe(), Reason: reason, fhirLike: fhirLike}
}

// plainName returns a relation's name, quoted if it is not in lower case.
func plainName(name string) string {
	if name == strings.ToLower(name) {
		return name
	}
	return `"` + name + `"`
}

// From returns a relation of the table as an item of a FROM, without an alias. If the
// relation needs casts, it is a SELECT with these, which PostgreSQL still reads by page
// ranges and filters.
func (t Table) From(schema, name string, only bool) string {
	relation := Quote(schema, name)
	if only {
		relation = "ONLY " + relation
	}
	if !t.Casts && !t.IsView {
		return relation
	}
	address, created := "t.ctid", ""
	if t.IsView {
		address = "NULL::tid AS ctid"
	}
	if t.HasCreated {
		created = ", t.cts"
	}
	return "(SELECT " + address + ", t.id::text AS id, t.txid, t.ts" + created + ", t.resource::jsonb AS resource FROM " + relation + " AS t)"
}
