package search

import (
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

// Query is a statement that returns ids, in one column of type text.
type Query struct {
	SQL string

	// Args are the values of the placeholders $1, $2, … as text.
	Args []string
}

// memberSQL are the members %m of the Group %t who count at the time %a and
// refer to a resource of the type %k.
const memberSQL = `CROSS JOIN LATERAL jsonb_path_query(%t.resource,
	'$."member"[*] ? (@."entity"."resourceType" == "%k") ? (!exists(@."inactive" ? (@ == true)))') AS %m(v)
WHERE (%m.v -> 'period' IS NULL OR coalesce(%s, '-infinity') <= %a AND coalesce(%e, 'infinity') > %a)`

// patientsSQL first collects the groups, which may name each other, then the
// patients. %g is the table of groups, %i the Group's id.
const patientsSQL = `WITH RECURSIVE groups (id) AS (
	SELECT %i UNION
	SELECT member.v #>> '{entity,id}' FROM groups JOIN %g AS t ON t.id = groups.id %1
)
SELECT member.v #>> '{entity,id}' FROM groups JOIN %g AS t ON t.id = groups.id %2
	AND member.v #>> '{entity,id}' IS NOT NULL`

// Patients returns the ids of the patients who are members, each once. They are
// not looked up: the Group may name patients who do not exist.
func (g Group) Patients() Query {
	return write(func(args *arguments) string {
		return "SELECT DISTINCT member.id FROM (" + g.patients(args) + ") AS member(id)"
	})
}

// Strangers returns those of the given ids that are not of patients who are
// members.
func (g Group) Strangers(ids []string) Query {
	return write(func(args *arguments) string {
		return "SELECT given.id FROM unnest(" + args.bind(textArray(ids), "text[]") + ") AS given(id)" +
			" WHERE NOT EXISTS (SELECT FROM (" + g.patients(args) + ") AS member(id) WHERE member.id = given.id)"
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

// patients writes the SELECT of the members' ids, in which one may be twice.
func (g Group) patients(args *arguments) string {
	id, at := args.bind(g.ID, "text"), args.bind(postgres(g.At.UTC()), "timestamp")
	return strings.NewReplacer(
		"%i", id, "%g", g.Table, "%1", members("Group", at), "%2", members("Patient", at),
	).Replace(patientsSQL)
}

// members writes the join of a group t with its members of a type.
func members(resourceType, at string) string {
	const v = "member.v"
	start := strings.ReplaceAll(lowSQL, "%x", "("+v+" #>> '{period,start}')")
	end := strings.ReplaceAll(lowSQL+" + "+lengthSQL, "%x", "("+v+" #>> '{period,end}')")
	return strings.NewReplacer(
		"%t", "t", "%m", "member", "%k", resourceType, "%a", at, "%s", start, "%e", end,
	).Replace(memberSQL)
}

func write(statement func(*arguments) string) Query {
	var args arguments
	sql := statement(&args)
	return Query{sql, args.values}
}
