package search

import (
	"strconv"
	"strings"
	"time"
)

// Group is a Group with its members: the patients it names, and those of the
// groups it names. A member counts unless it is inactive, or its period is over
// or has not begun; what is no date in a period is no limit.
type Group struct {
	// ID is the Group's id.
	ID string

	// Table is the table of Group resources, quoted as SQL needs it.
	Table string

	// At is the time as of which there are members, such as the export's
	// transactionTime.
	At time.Time
}

// Query is a statement that returns ids, of type text.
type Query struct {
	SQL string

	// Args are the values of the placeholders $1, $2, … as text.
	Args []string
}

// membersSQL opens the groups and returns of each member who counts at the time %a
// the id of the resource it refers to, %r, if it is of the wanted type, else null:
// a condition would let the planner think that hardly any are left, and join
// them one by one. jsonb_path_query would do without the CASE, but takes minutes
// for a million members: it is quadratic.
const membersSQL = `SELECT CASE WHEN member.v -> 'inactive' IS DISTINCT FROM 'true'
	AND (member.v -> 'period' IS NULL OR coalesce(%s, '-infinity') <= %a AND coalesce(%e, 'infinity') > %a)
	THEN %r END AS key
FROM (SELECT t.resource -> 'member' AS list FROM groups JOIN %g AS t ON t.id = groups.id OFFSET 0) AS opened
CROSS JOIN LATERAL jsonb_array_elements(%l) AS member(v)`

// The groups among the members are hardly ever any: to leave the others out first
// is what costs least: by any member of the reference, since it has several forms. Of
// the patients, it is not.
const (
	groupListSQL   = `jsonb_path_query_array(opened.list, '$[*] ? (@."entity".* starts with "Group")')`
	patientListSQL = `CASE jsonb_typeof(opened.list) WHEN 'array' THEN opened.list ELSE '[]' END`
)

// patientsSQL first collects the groups, which may name each other, then the
// patients. %i is the Group's id.
const patientsSQL = `WITH RECURSIVE groups (id) AS (SELECT %i UNION %1) %2`

// Patients returns the ids of the patients who are members, each once, but at
// most limit of them, if that is not 0. They are not looked up: the Group may name patients who do
// not exist.
func (g Group) Patients(limit int) Query {
	return write(func(args *arguments) string {
		sql := "SELECT DISTINCT member.key FROM (" + g.patients(args) + ") AS member WHERE member.key IS NOT NULL"
		if limit > 0 {
			sql += " LIMIT " + strconv.Itoa(limit)
		}
		return sql
	})
}

// Among returns those of the given ids that are of patients who are members.
func (g Group) Among(ids []string) Query {
	return write(func(args *arguments) string {
		return "SELECT given.id FROM unnest(" + args.bind(textArray(ids), "text[]") + ") AS given(id) WHERE " + isIn("given.id", g.patients(args))
	})
}

// IDs returns these ids, in a column named key.
func IDs(ids []string) Query {
	return write(func(args *arguments) string { return idList(ids, args) })
}

// idList writes the SELECT of ids.
func idList(ids []string, args *arguments) string {
	return "SELECT unnest(" + args.bind(textArray(ids), "text[]") + ") AS key"
}

// Strangers returns those of the given ids that are not of patients who are
// members.
func (g Group) Strangers(ids []string) Query {
	return write(func(args *arguments) string {
		return "SELECT given.id FROM unnest(" + args.bind(textArray(ids), "text[]") + ") AS given(id)" +
			" WHERE NOT " + isIn("given.id", g.patients(args))
	})
}

// Unknown returns those of the given ids that a table, quoted as SQL needs it,
// has no row of.
func Unknown(table string, ids []string) Query {
	return write(func(args *arguments) string {
		return "SELECT given.id FROM unnest(" + args.bind(textArray(ids), "text[]") + ") AS given(id)" +
			" WHERE NOT EXISTS (SELECT FROM " + table + " AS t WHERE t.id = given.id)"
	})
}

// patients writes the SELECT of the members' ids, in which one may be twice, and
// there are nulls.
func (g Group) patients(args *arguments) string {
	id, at := args.bind(g.ID, "text"), args.bind(postgres(g.At.UTC()), "timestamp")
	return strings.NewReplacer(
		"%i", id, "%1", g.members("Group", groupListSQL, at), "%2", g.members("Patient", patientListSQL, at),
	).Replace(patientsSQL)
}

// members writes the SELECT of the ids of members of a type, of those in a list.
func (g Group) members(resourceType, list, at string) string {
	start := strings.ReplaceAll(lowSQL, "%x", "(member.v #>> '{period,start}')")
	end := strings.ReplaceAll(lowSQL+" + "+lengthSQL, "%x", "(member.v #>> '{period,end}')")
	return strings.NewReplacer(
		"%r", targetOfType("(member.v -> 'entity')", resourceType), "%a", at, "%s", start, "%e", end, "%g", g.Table, "%l", list,
	).Replace(membersSQL)
}

func write(statement func(*arguments) string) Query {
	var args arguments
	sql := statement(&args)
	return Query{sql, args.values}
}
