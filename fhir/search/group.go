package search

import (
	"strconv"
	"time"

	"github.com/seed-90096f4d/sluice/sqltext"
)

// Group is a Group with its members: the patients it refers to, and the members of the
// groups it refers to. A member is ignored if it is inactive, or if its period does not
// include the time At. An invalid date does not limit a period.
type Group struct {
	// ID is the Group's id.
	ID string

	// Table is the table of Groups as a quoted identifier.
	Table string

	// At is the time at which the members are determined, such as the transactionTime
	// of an export.
	At time.Time
}

// membersSQL returns for each member of the groups at the time {at} the id of the
// resource it refers to, {target}, if it is of the required type, or else null: with a
// condition, the planner would expect hardly any rows, and join them one by one.
// jsonb_path_query would not need the CASE, but takes minutes for a million members,
// since it is quadratic.
const membersSQL = `SELECT CASE WHEN member.v -> 'inactive' IS DISTINCT FROM 'true'
	AND (member.v -> 'period' IS NULL OR coalesce({start}, '-infinity') <= {at} AND coalesce({end}, 'infinity') > {at})
	THEN {target} END AS key
FROM (SELECT t.resource -> 'member' AS list FROM groups JOIN {table} AS t ON t.id = groups.id OFFSET 0) AS opened
CROSS JOIN LATERAL jsonb_array_elements({list}) AS member(v)`

// Groups hardly ever have groups as members. The cheapest way to find them is to filter
// first, by any member of the reference, since it has several forms. For patients it is
// cheaper not to filter.
const (
	groupListSQL   = `jsonb_path_query_array(opened.list, '$[*] ? (@."entity".* starts with "Group")')`
	patientListSQL = `CASE jsonb_typeof(opened.list) WHEN 'array' THEN opened.list ELSE '[]' END`
)

// patientsSQL first collects the groups, which may refer to each other, then the
// patients. {id} is the Group's id.
const patientsSQL = `WITH RECURSIVE groups (id) AS (SELECT {id} UNION {groups}) {patients}`

// Patients returns a SELECT of the distinct ids of the patients that are members, in the
// column key: at most limit of them, unless it is 0. The patients need not exist.
func (g Group) Patients(limit int) sqltext.Fragment {
	template := "SELECT DISTINCT member.key FROM ({patients}) AS member WHERE member.key IS NOT NULL"
	if limit > 0 {
		template += " LIMIT " + strconv.Itoa(limit)
	}
	return sqltext.New(template, sqltext.Values{"patients": g.patients()})
}

// Members returns a SELECT of the given ids of patients that are members.
func (g Group) Members(ids []string) sqltext.Fragment {
	return given(ids, isIn(sqltext.Text("given.id"), g.patients()))
}

// NotMembers returns a SELECT of the given ids that are not ids of members.
func (g Group) NotMembers(ids []string) sqltext.Fragment {
	return given(ids, sqltext.New("NOT {member}", sqltext.Values{"member": isIn(sqltext.Text("given.id"), g.patients())}))
}

// IDs returns a SELECT of these ids, in the column key.
func IDs(ids []string) sqltext.Fragment {
	return sqltext.New("SELECT unnest({ids}) AS key", sqltext.Values{"ids": textArray(ids)})
}

// Unknown returns a SELECT of the given ids that are not in a table, a quoted
// identifier.
func Unknown(table string, ids []string) sqltext.Fragment {
	return given(ids, sqltext.New("NOT EXISTS (SELECT FROM {table} AS t WHERE t.id = given.id)", sqltext.Values{"table": sqltext.Text(table)}))
}

// given returns a SELECT of the given ids that match a condition on given.id.
func given(ids []string, condition sqltext.Fragment) sqltext.Fragment {
	return sqltext.New("SELECT given.id FROM unnest({ids}) AS given(id) WHERE {condition}", sqltext.Values{
		"ids": textArray(ids), "condition": condition,
	})
}

// patients returns the SELECT of the ids of members, with duplicates and nulls.
func (g Group) patients() sqltext.Fragment {
	return sqltext.New(patientsSQL, sqltext.Values{
		"id":       sqltext.Arg(g.ID, "text"),
		"groups":   g.members("Group", groupListSQL),
		"patients": g.members("Patient", patientListSQL),
	})
}

// members returns the SELECT of the ids of the members of a type in a list.
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
