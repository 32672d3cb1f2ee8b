package source

import (
	"context"
	"encoding/json"
	"fmt"

	"github.com/jackc/pgx/v5/pgconn"
)

// Narrow returns the scan's table as the scan finds it: a member whose rows
// PostgreSQL would look up in an index is to be read in one go, and its Bytes are
// only those that its planner expects to be wanted. Cut into block ranges, it
// would be read whole. A scan without conditions finds the table as it is.
func (sn *Snapshot) Narrow(ctx context.Context, scan Scan) (Table, error) {
	sn.mu.Lock()
	defer sn.mu.Unlock()
	return narrowTable(ctx, sn.conn.PgConn(), scan)
}

func narrowTable(ctx context.Context, conn *pgconn.PgConn, scan Scan) (Table, error) {
	table := scan.Table
	if len(scan.query().params) == 0 {
		return table, nil
	}
	members := make([]Member, len(table.Members))
	table.Bytes = 0
	for i, m := range table.Members {
		narrowed, err := narrow(ctx, conn, scan, m)
		if err != nil {
			return Table{}, fmt.Errorf("source: ask how %s is read: %w", quote(m.Schema, m.Name), err)
		}
		members[i] = narrowed
		table.Bytes += narrowed.Bytes
	}
	table.Members = members
	return table, nil
}

// narrow asks the planner how it would read the member.
func narrow(ctx context.Context, conn *pgconn.PgConn, scan Scan, m Member) (Member, error) {
	if m.Whole || m.Blocks == 0 {
		return m, nil
	}
	scan.Blocks = BlockRange{Schema: m.Schema, Name: m.Name}
	wanted, err := explain(ctx, conn, scan)
	if err != nil || !wanted.usesIndex() {
		return m, err
	}
	all, err := explain(ctx, conn, Scan{Table: scan.Table, Blocks: scan.Blocks})
	if err != nil {
		return m, err
	}
	m.Whole = true
	m.Bytes = int64(float64(m.Bytes) * min(wanted.Rows/max(all.Rows, 1), 1))
	return m, nil
}

// planNode is a node of a query plan, as EXPLAIN (FORMAT JSON) shows it.
type planNode struct {
	Type  string     `json:"Node Type"`
	Rows  float64    `json:"Plan Rows"`
	Plans []planNode `json:"Plans"`
}

// usesIndex tells whether the node, or one below it, looks rows up in an index.
func (n planNode) usesIndex() bool {
	switch n.Type {
	case "Index Scan", "Index Only Scan", "Bitmap Heap Scan":
		return true
	}
	for _, below := range n.Plans {
		if below.usesIndex() {
			return true
		}
	}
	return false
}

// explain asks how the scan would be run, in the way the scan itself is asked
// for: the bounds of time go with it, and the answer depends on them.
func explain(ctx context.Context, conn *pgconn.PgConn, scan Scan) (planNode, error) {
	q := scan.query()
	result := conn.ExecParams(ctx, "EXPLAIN (FORMAT JSON) "+q.sql, q.params, q.types, nil, nil).Read()
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
