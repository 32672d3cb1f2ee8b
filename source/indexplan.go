package source

import (
	"context"
	"encoding/json"
	"fmt"
	"slices"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"

	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// PlanIndexes returns the scan's table with its members as they should be read. If
// PostgreSQL finds the selected rows of a member by an index, or the scan's Lookup does,
// the member is Unsplit: in page ranges, all of its pages would be read. Its Bytes are
// then the size of the rows that the planner expects. A member in which the Lookup finds
// nothing is empty. Without conditions, the table is returned unchanged.
func (sn *Snapshot) PlanIndexes(ctx context.Context, scan Scan) (catalog.Table, error) {
	sn.mu.Lock()
	defer sn.mu.Unlock()
	return planIndexes(ctx, sn.conn.PgConn(), scan)
}

func planIndexes(ctx context.Context, conn *pgconn.PgConn, scan Scan) (catalog.Table, error) {
	table := scan.Table
	if _, args := scan.statement(false).Statement(); len(args) == 0 {
		return table, nil
	}
	members := make([]catalog.Member, len(table.Members))
	table.Bytes = 0
	for i, m := range table.Members {
		planned, err := planMember(ctx, conn, scan, m)
		if err != nil {
			return catalog.Table{}, fmt.Errorf("source: plan the scan of %s: %w", catalog.Quote(m.Schema, m.Name), err)
		}
		members[i] = planned
		table.Bytes += planned.Bytes
	}
	table.Members = members
	return table, nil
}

// planMember plans how to read one member.
func planMember(ctx context.Context, conn *pgconn.PgConn, scan Scan, m catalog.Member) (catalog.Member, error) {
	if m.Unsplit || m.Pages == 0 {
		return m, nil
	}
	scan.Pages = catalog.PageRange{Schema: m.Schema, Name: m.Name}
	all, err := queryPlan(ctx, conn, Scan{Table: scan.Table, Pages: scan.Pages}.statement(false))
	if err != nil {
		return m, err
	}
	if !scan.Condition.Lookup.IsEmpty() {
		found, use, err := countIfIndexed(ctx, conn, scan, all.Rows)
		if err != nil {
			return m, err
		}
		if use && found == 0 {
			return catalog.Member{Schema: m.Schema, Name: m.Name}, nil
		}
		if use {
			m.Unsplit, m.ByLookup = true, true
			shrink(&m, float64(found), all.Rows)
			return m, nil
		}
	}
	selected, err := queryPlan(ctx, conn, scan.statement(false))
	if err != nil || !selected.usesIndex() {
		return m, err
	}
	m.Unsplit = true
	shrink(&m, selected.Rows, all.Rows)
	return m, nil
}

// shrink reduces the member's bytes to the fraction of the rows that are selected.
func shrink(m *catalog.Member, selected, all float64) {
	m.Bytes = int64(float64(m.Bytes) * min(selected/max(all, 1), 1))
}

// A lookup is used if it finds at most one in lookupShare of the rows, or lookupRows:
// random access costs more than a sequential scan, and the member is then read by one
// part. More than maxLookupRows are better read by several parts.
const (
	lookupShare   = 10
	lookupRows    = 1000
	maxLookupRows = 1_000_000
)

// countIfIndexed counts what the lookup finds in a relation of about so many rows, if
// indexes serve it. It reports whether the lookup should be used.
func countIfIndexed(ctx context.Context, conn *pgconn.PgConn, scan Scan, rows float64) (found int64, use bool, err error) {
	limit := int64(min(max(rows/lookupShare, lookupRows), maxLookupRows))
	count := scan.countLookup(limit + 1)
	scan.Pages.ByLookup = true
	for _, statement := range []sqltext.Fragment{count, scan.statement(false)} {
		plan, err := queryPlan(ctx, conn, statement)
		if err != nil || plan.reads(scan.Pages.Name) {
			return 0, false, err
		}
	}
	sql, args := count.Statement()
	result := conn.ExecParams(ctx, sql, args, nil, nil, nil).Read()
	if result.Err != nil {
		return 0, false, result.Err
	}
	if found, err = strconv.ParseInt(string(result.Rows[0][0]), 10, 64); err != nil {
		return 0, false, fmt.Errorf("read a count: %w", err)
	}
	return found, found <= limit, nil
}

// planNode is a node of a query plan, as EXPLAIN (FORMAT JSON) shows it.
type planNode struct {
	Type     string     `json:"Node Type"`
	Relation string     `json:"Relation Name"`
	Parent   string     `json:"Parent Relationship"`
	Rows     float64    `json:"Plan Rows"`
	Plans    []planNode `json:"Plans"`
}

// isIndexed reports whether the node itself finds rows by an index.
func (n planNode) isIndexed() bool {
	return n.Type == "Index Scan" || n.Type == "Index Only Scan" || n.Type == "Bitmap Heap Scan"
}

// usesIndex reports whether the node, or one below it, finds rows by an index. Subplans
// of conditions do not count.
func (n planNode) usesIndex() bool {
	return n.isIndexed() || slices.ContainsFunc(n.Plans, func(below planNode) bool {
		return below.Parent != "SubPlan" && below.Parent != "InitPlan" && below.usesIndex()
	})
}

// reads reports whether the relation is read other than by an index or by address, in the
// node or below it.
func (n planNode) reads(relation string) bool {
	return n.Relation == relation && !n.isIndexed() && n.Type != "Tid Scan" ||
		slices.ContainsFunc(n.Plans, func(below planNode) bool { return below.reads(relation) })
}

// queryPlan returns the plan of a statement. It depends on the arguments, which are sent
// with it.
func queryPlan(ctx context.Context, conn *pgconn.PgConn, statement sqltext.Fragment) (planNode, error) {
	sql, args := statement.Statement()
	result := conn.ExecParams(ctx, "EXPLAIN (FORMAT JSON) "+sql, args, nil, nil, nil).Read()
	if result.Err != nil {
		return planNode{}, result.Err
	}
	var text []byte
	for _, row := range result.Rows {
		text = append(text, row[0]...)
	}
	var plans [1]struct {
		Plan planNode `json:"Plan"`
	}
	if err := json.Unmarshal(text, &plans); err != nil {
		return planNode{}, fmt.Errorf("read the query plan: %w", err)
	}
	return plans[0].Plan, nil
}
