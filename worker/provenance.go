package worker

import (
	"fmt"
	"regexp"
	"slices"
	"strconv"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/search"
	"github.com/seed-90096f4d/sluice/source"
)

const provenanceType = "Provenance"

const (
	// targetSQL holds for a Provenance that is about a resource which %s wants.
	targetSQL = `EXISTS (SELECT FROM jsonb_path_query(r.resource, '$."target"[*]') AS target(v) WHERE %s)`

	// latestSQL holds for a Provenance that is the most recent one about such a
	// resource: times of different zones are compared as times.
	latestSQL = `r.id IN (
	SELECT target.id FROM (
		SELECT DISTINCT ON (t.v ->> 'resourceType', t.v ->> 'id') p.id, t.v
		FROM %[2]s AS p CROSS JOIN LATERAL jsonb_path_query(p.resource, '$."target"[*]') AS t(v)
		ORDER BY t.v ->> 'resourceType', t.v ->> 'id', %[3]s DESC NULLS LAST, p.ts DESC NULLS LAST, p.id
	) AS target WHERE %[1]s)`

	// wantedSQL looks a target of a type up by its id.
	wantedSQL = `WHEN '%s' THEN EXISTS (SELECT FROM %s AS r WHERE r.id = target.v ->> 'id'%s)`
)

// planProvenance says which Provenance resources belong to an export: with
// includeAssociatedData, those about resources that it has, whenever they
// themselves were changed; without, at patient level, those about resources in a
// compartment besides those about patients (Bulk Data 3.0.0, "Query
// Parameters"). own is the scan as it is by itself, all are those of the export,
// and planned is own without what each part works out. The condition goes into
// the plan: it is about more tables than its own.
func planProvenance(request jobs.Request, own source.Scan, all []source.Scan, planned source.Scan) source.Scan {
	wanted, args := wantedTargets(request, all)
	if wanted == "" {
		return planned
	}
	switch request.Associated {
	case jobs.LatestAssociated:
		planned.Only = source.Condition{Where: fmt.Sprintf(latestSQL, wanted, own.Table.Quoted(), search.Moment("p.resource ->> 'recorded'")), Args: args}
		return untimed(planned)
	case jobs.RelevantAssociated:
		planned.Only = source.Condition{Where: fmt.Sprintf(targetSQL, wanted), Args: args}
		return untimed(planned)
	}
	if own.Only.Where == "" || own.Only.Keys != "" || len(request.Filters[provenanceType]) > 0 {
		return planned
	}
	planned.Only = source.Condition{
		Where: fmt.Sprintf(targetSQL, wanted) + " OR (" + shift(own.Only.Where, len(args)) + ")",
		Args:  slices.Concat(args, own.Only.Args),
	}
	return planned
}

// wantedTargets tells, of a target, whether it is a resource that one of the
// scans wants. It is empty if there is none that can tell.
func wantedTargets(request jobs.Request, scans []source.Scan) (sql string, args []string) {
	var types []string
	for _, scan := range scans {
		if scan.Table.Type == provenanceType || scan.Only.Keys != "" {
			continue
		}
		only := scan.Only
		if request.Associated != jobs.NoneAssociated {
			only = timed(scan)
		}
		and := ""
		if only.Where != "" {
			and = " AND (" + shift(only.Where, len(args)) + ")"
		}
		args = append(args, only.Args...)
		types = append(types, fmt.Sprintf(wantedSQL, scan.Table.Type, scan.Table.Quoted(), and))
	}
	if len(types) == 0 {
		return "", nil
	}
	return "CASE target.v ->> 'resourceType' " + strings.Join(types, " ") + " ELSE false END", args
}

// timed adds the times of a scan to its condition.
func timed(scan source.Scan) source.Condition {
	only := scan.Only
	add := func(operator, instant string) {
		only.Args = slices.Concat(only.Args, []string{instant})
		bound := "r.ts " + operator + " $" + strconv.Itoa(len(only.Args)) + "::timestamptz"
		if only.Where != "" {
			bound = "(" + only.Where + ") AND " + bound
		}
		only.Where = bound
	}
	if !scan.ChangedAfter.IsZero() {
		add(">", scan.ChangedAfter.UTC().Format("2006-01-02 15:04:05.999999Z07:00"))
	}
	if !scan.ChangedBefore.IsZero() {
		add("<", scan.ChangedBefore.UTC().Format("2006-01-02 15:04:05.999999Z07:00"))
	}
	return only
}

// untimed makes a scan one that is not about when its own rows were changed.
func untimed(scan source.Scan) source.Scan {
	scan.CreatedAfter, scan.ChangedAfter, scan.ChangedBefore = time.Time{}, time.Time{}, time.Time{}
	return scan
}

// placeholder is one of a condition. What stands in quotes there, the paths of
// jsonb, has no digit behind a dollar sign.
var placeholder = regexp.MustCompile(`\$([0-9]+)`)

// shift renumbers the placeholders of a condition that stands behind others.
func shift(sql string, by int) string {
	return placeholder.ReplaceAllStringFunc(sql, func(one string) string {
		number, _ := strconv.Atoi(one[1:])
		return "$" + strconv.Itoa(number+by)
	})
}
