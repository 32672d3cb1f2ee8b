package source

import (
	"fmt"
	"slices"
	"strings"
)

// layout lists the columns of a FHIR table.
var layout = []struct {
	name     string
	types    []string // that are read as they are
	cast     []string // that are read as the first of types
	optional bool
}{
	{name: "id", types: []string{"text", "character varying", "character", "name"}, cast: []string{"uuid", "bigint", "integer"}},
	{name: "txid", types: []string{"bigint", "integer"}},
	{name: "ts", types: []string{"timestamp with time zone"}},
	{name: "cts", types: []string{"timestamp with time zone"}, optional: true},
	{name: "resource", types: []string{"jsonb"}, cast: []string{"json"}},
}

// relationKinds names the kinds of relations (pg_class.relkind).
var relationKinds = map[string]string{"r": "table", "p": "table", "v": "view", "m": "materialized view", "f": "foreign table"}

// inspect decides whether the relation can be read as a FHIR table, and how. A
// timestamp without time zone is not read: what instant it means depends on the
// session that wrote it.
func (c *candidate) inspect(kind string, names, types []string, readable, hidden bool) {
	t := &c.table
	columns := make(map[string]string, len(names))
	for i, name := range names {
		columns[name] = types[i]
	}
	_, c.hasTypeName = columns["resource_type"]
	_, t.HasCreated = columns["cts"]
	t.View = kind == "v"
	t.kind = relationKinds[kind]

	alike := columns["id"] != "" && columns["resource"] != ""
	for _, column := range layout {
		found := columns[column.name]
		switch {
		case found == "" && column.optional:
		case found == "":
			c.fault = c.unreadable("it has no column "+column.name, alike)
			return
		case slices.Contains(column.types, found):
		case slices.Contains(column.cast, found):
			t.Casts = true
		default:
			c.fault = c.unreadable(fmt.Sprintf("column %s is of type %s, not %s", column.name, found, column.types[0]), alike)
			return
		}
	}
	switch {
	case kind == "f":
		c.fault = c.unreadable("its rows are in another database, which has other snapshots", alike)
	case !readable:
		c.fault = c.unreadable("the database role of the server has no SELECT privilege on it", alike)
	case hidden:
		c.fault = c.unreadable(rowSecurityReason, alike)
	}
}

func (c *candidate) unreadable(reason string, alike bool) *UnreadableError {
	return &UnreadableError{Type: c.table.Type, Relation: c.table.kind + " " + c.table.plainName(), Reason: reason, alike: alike}
}

// plainName is the table's name as people write it.
func (t Table) plainName() string {
	if t.Name == strings.ToLower(t.Name) {
		return t.Name
	}
	return `"` + t.Name + `"`
}

// from returns what SQL reads the rows of a relation of the table from. Where the
// relation itself does not look like a FHIR table, it is a SELECT that does, which
// PostgreSQL reads by page ranges and filters all the same.
func (t Table) from(schema, name string, only bool) string {
	relation := quote(schema, name)
	if only {
		relation = "ONLY " + relation
	}
	if !t.Casts && !t.View {
		return relation
	}
	address, created := "t.ctid", ""
	if t.View {
		address = "NULL::tid AS ctid"
	}
	if t.HasCreated {
		created = ", t.cts"
	}
	return "(SELECT " + address + ", t.id::text AS id, t.txid, t.ts" + created + ", t.resource::jsonb AS resource FROM " + relation + " AS t)"
}
