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

// PlanIndexes returns the scan's table as the scan finds it: a member whose rows
// PostgreSQL would look up in an index, or that the scan's Lookup finds by one,
// is to be read in one go, and its Bytes are only those that are expected to be
// wanted. Cut into page ranges, it would be read whole. One of which a Lookup
// finds nothing is empty. A scan without conditions finds the table as it is.
func (sn *Snapshot) PlanIndexes(ctx context.Context, scan Scan) (catalog.Table, error) {
	sn.mu.Lock()
	defer sn.mu.Unlock()
	return narrowTable(ctx, sn.conn.PgConn(), scan)
}

func narrowTable(ctx context.Context, conn *pgconn.PgConn, scan Scan) (catalog.Table, error) {
	table := scan.Table
	if _, args := scan.statement().Statement(); len(args) == 0 {
		return table, nil
	}
	members := make([]catalog.Member, len(table.Members))
	table.Bytes = 0
	for i, m := range table.Members {
		narrowed, err := narrow(ctx, conn, scan, m)
		if err != nil {
			return catalog.Table{}, fmt.Errorf("source: ask how %s is read: %w", catalog.Quote(m.Schema, m.Name), err)
		}
		members[i] = narrowed
		table.Bytes += narrowed.Bytes
	}
	table.Members = members
	return table, nil
}

// narrow asks the planner how it would read the member.
func narrow(ctx context.Context, conn *pgconn.PgConn, scan Scan, m catalog.Member) (catalog.Member, error) {
	if m.Whole || m.Pages == 0 {
		return m, nil
	}
	scan.Pages = catalog.PageRange{Schema: m.Schema, Name: m.Name}
	all, err := queryPlan(ctx, conn, Scan{Table: scan.Table, Pages: scan.Pages}.statement())
	if err != nil {
		return m, err
	}
	if !scan.Only.Lookup.IsEmpty() {
		found, few, err := tryLookup(ctx, conn, scan, all.Rows)
		if err != nil {
			return m, err
		}
		if few && found == 0 {
			return catalog.Member{Schema: m.Schema, Name: m.Name}, nil
		}
		if few {
			m.Whole, m.ByLookup = true, true
			shrink(&m, float64(found), all.Rows)
			return m, nil
		}
	}
	wanted, err := queryPlan(ctx, conn, scan.statement())
	if err != nil || !wanted.usesIndex() {
		return m, err
	}
	m.Whole = true
	shrink(&m, wanted.Rows, all.Rows)
	return m, nil
}

// shrink reduces the member's bytes to the fraction of the rows that are selected.
func shrink(m *catalog.Member, selected, all float64) {
	m.Bytes = int64(float64(m.Bytes) * min(selected/max(all, 1), 1))
}

// A lookup takes the place of reading a member whole where it finds at most one
// in lookupShare of the rows, or lookupRows: to jump costs more than to read on,
// and the member is then one part. More than maxLookupRows are better read in
// several.
const (
	lookupShare   = 10
	lookupRows    = 1000
	maxLookupRows = 1_000_000
)

// tryLookup counts what the lookup finds of a relation of about so many rows, if
// indexes serve it. few tells whether it should be read so.
func tryLookup(ctx context.Context, conn *pgconn.PgConn, scan Scan, rows float64) (found int64, few bool, err error) {
	most := int64(min(max(rows/lookupShare, lookupRows), maxLookupRows))
	count := scan.countLookup(most + 1)
	scan.Pages.ByLookup = true
	for _, asked := range []sqltext.Fragment{count, scan.statement()} {
		plan, err := queryPlan(ctx, conn, asked)
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
	return found, found <= most, nil
}

// planNode is a node of a query plan, as EXPLAIN (FORMAT JSON) shows it.
type planNode struct {
	Type     string     `json:"Node Type"`
	Relation string     `json:"Relation Name"`
	Parent   string     `json:"Parent Relationship"`
	Rows     float64    `json:"Plan Rows"`
	Plans    []planNode `json:"Plans"`
}

// isIndexed tells whether the node itself looks rows up in an index.
func (n planNode) isIndexed() bool {
	return n.Type == "Index Scan" || n.Type == "Index Only Scan" || n.Type == "Bitmap Heap Scan"
}

// usesIndex tells whether the node, or one below it, looks rows up in an index.
// What a condition works out for itself, once or for each row, does not count.
func (n planNode) usesIndex() bool {
	return n.isIndexed() || slices.ContainsFunc(n.Plans, func(below planNode) bool {
		return below.Parent != "SubPlan" && below.Parent != "InitPlan" && below.usesIndex()
	})
}

// reads tells whether the relation is read otherwise than by an index and the
// addresses of rows, anywhere.
func (n planNode) reads(relation string) bool {
	return n.Relation == relation && !n.isIndexed() && n.Type != "Tid Scan" ||
		slices.ContainsFunc(n.Plans, func(below planNode) bool { return below.reads(relation) })
}

// queryPlan asks how a query would be run, in the way it is itself asked for: its
// values go with it, and the answer depends on them.
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
