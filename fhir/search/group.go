package search

import (
	"strconv"
	"time"

	"github.com/seed-90096f4d/sluice/sqltext"
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

// membersSQL opens the groups and returns of each member who counts at the time {at}
// the id of the resource it refers to, {target}, if it is of the wanted type, else null:
// a condition would let the planner think that hardly any are left, and join
// them one by one. jsonb_path_query would do without the CASE, but takes minutes
// for a million members: it is quadratic.
const membersSQL = `SELECT CASE WHEN member.v -> 'inactive' IS DISTINCT FROM 'true'
	AND (member.v -> 'period' IS NULL OR coalesce({start}, '-infinity') <= {at} AND coalesce({end}, 'infinity') > {at})
	THEN {target} END AS key
FROM (SELECT t.resource -> 'member' AS list FROM groups JOIN {table} AS t ON t.id = groups.id OFFSET 0) AS opened
CROSS JOIN LATERAL jsonb_array_elements({list}) AS member(v)`

// The groups among the members are hardly ever any: to leave the others out first
// is what costs least: by any member of the reference, since it has several forms. Of
// the patients, it is not.
const (
	groupListSQL   = `jsonb_path_query_array(opened.list, '$[*] ? (@."entity".* starts with "Group")')`
	patientListSQL = `CASE jsonb_typeof(opened.list) WHEN 'array' THEN opened.list ELSE '[]' END`
)

// patientsSQL first collects the groups, which may name each other, then the
// patients. {id} is the Group's id.
const patientsSQL = `WITH RECURSIVE groups (id) AS (SELECT {id} UNION {groups}) {patients}`

// Patients returns a SELECT of the ids of the patients who are members, in a column
// named key, each once, but at most limit of them, if that is not 0. The Group may name
// patients who do not exist.
func (g Group) Patients(limit int) sqltext.Fragment {
	template := "SELECT DISTINCT member.key FROM ({patients}) AS member WHERE member.key IS NOT NULL"
	if limit > 0 {
		template += " LIMIT " + strconv.Itoa(limit)
	}
	return sqltext.New(template, sqltext.Values{"patients": g.patients()})
}

// Members returns a SELECT of those of the given ids that are of patients who are
// members.
func (g Group) Members(ids []string) sqltext.Fragment {
	return given(ids, isIn(sqltext.Text("given.id"), g.patients()))
}

// NotMembers returns a SELECT of those of the given ids that are not of patients who
// are members.
func (g Group) NotMembers(ids []string) sqltext.Fragment {
	return given(ids, sqltext.New("NOT {member}", sqltext.Values{"member": isIn(sqltext.Text("given.id"), g.patients())}))
}

// IDs returns a SELECT of these ids, in a column named key.
func IDs(ids []string) sqltext.Fragment {
	return sqltext.New("SELECT unnest({ids}) AS key", sqltext.Values{"ids": textArray(ids)})
}

// Unknown returns a SELECT of those of the given ids that a table, quoted as SQL needs
// it, has no row of.
func Unknown(table string, ids []string) sqltext.Fragment {
	return given(ids, sqltext.New("NOT EXISTS (SELECT FROM {table} AS t WHERE t.id = given.id)", sqltext.Values{"table": sqltext.Text(table)}))
}

// given returns a SELECT of those of the given ids for which a condition on given.id
// holds.
func given(ids []string, condition sqltext.Fragment) sqltext.Fragment {
	return sqltext.New("SELECT given.id FROM unnest({ids}) AS given(id) WHERE {condition}", sqltext.Values{
		"ids": textArray(ids), "condition": condition,
	})
}

// patients returns the SELECT of the members' ids, which has nulls and can have an id
// twice.
func (g Group) patients() sqltext.Fragment {
	return sqltext.New(patientsSQL, sqltext.Values{
		"id":       sqltext.Arg(g.ID, "text"),
		"groups":   g.members("Group", groupListSQL),
		"patients": g.members("Patient", patientListSQL),
	})
}

// members returns the SELECT of the ids of the members of a type among those in a list.
func (g Group) members(resourceType, list string) sqltext.Fragment {
	return sqltext.New(membersSQL, sqltext.Values{
		"at":     sqltext.Arg(postgres(g.At.UTC()), "timestamp"),
		"start":  dateSQL(lowSQL, "(member.v #>> '{period,start}')"),
		"end":    dateSQL(lowSQL+" + "+lengthSQL, "(member.v #>> '{period,end}')"),
		"target": targetOfType("(member.v -> 'entity')", resourceType),
		"table":  sqltext.Text(g.Table),
		"list":   sqltext.Text(list),
	})
}
