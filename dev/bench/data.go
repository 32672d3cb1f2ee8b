package bench

import (
	"context"
	"fmt"

	"golang.org/x/sync/errgroup"

	"github.com/seed-90096f4d/sluice/dev/aidbox"
)

// Custom types, which no export contains, since only a scope that names them covers them.
const (
	tenth = "BenchTenth" // the first tenth of the subject's rows
	tiny  = "BenchTiny"  // very many rows of a few bytes
)

// tableSQL creates a table without its key, which is created after the table is filled.
const tableSQL = `
CREATE %[3]s TABLE %[1]s (%[2]s);
`

const fillSQL = `
INSERT INTO %[1]s (id, txid, ts, cts, resource)
SELECT uid('%[2]s', i), i, timestamptz '2024-01-01' + i * interval '1 second', timestamptz '2023-01-01' + i * interval '1 second', %[4]s
FROM generate_series(1, %[3]d::bigint) i;
ALTER TABLE %[1]s ADD PRIMARY KEY (id);
`

const tenthSQL = `
INSERT INTO %[1]s (id, txid, ts, cts, resource) SELECT id, txid, ts, cts, resource FROM %[2]s WHERE txid <= %[3]d;
`

const tinySQL = `
INSERT INTO %[1]s (id, txid, resource)
SELECT 'row-' || i, i, format('{"active": true, "code": {"text": "row %%s"}}', i)::jsonb FROM generate_series(%[2]d::bigint, %[3]d) i;
`

// load creates the data set, over two connections.
func (h *harness) load(ctx context.Context) error {
	if err := h.exec(ctx, aidbox.SetupSQL+toolsSQL); err != nil {
		return err
	}
	h.log("creating %d MB of jsonb text", h.opts.Size/1e6)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for _, k := range kinds {
		table, rows := aidbox.Table(k.name), k.rows(h.opts.Size)
		sql := fmt.Sprintf(tableSQL, table, aidbox.Columns(k.name), "") + fmt.Sprintf(fillSQL, table, k.name, rows, k.sql)
		if k.name == subject {
			part := aidbox.Table(tenth)
			sql += fmt.Sprintf(tableSQL, part, aidbox.Columns(tenth), "") + fmt.Sprintf(tenthSQL, part, table, rows/10)
		}
		group.Go(func() error { return h.exec(groupCtx, sql) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := h.loadTiny(ctx); err != nil {
		return err
	}
	// Background work is done now instead of during a round.
	for _, sql := range []string{`VACUUM (FREEZE, ANALYZE)`, `CHECKPOINT`} {
		if err := h.exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// loadTiny creates the table for the latency of the first byte.
func (h *harness) loadTiny(ctx context.Context) error {
	if !h.wantsFirstByte() {
		return nil
	}
	h.log("creating %d tiny rows", h.opts.FirstRows)
	table := aidbox.Table(tiny)
	if err := h.exec(ctx, fmt.Sprintf(tableSQL, table, aidbox.Columns(tiny), "UNLOGGED")); err != nil {
		return err
	}
	half := h.opts.FirstRows / 2
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return h.exec(ctx, fmt.Sprintf(tinySQL, table, 1, half)) })
	group.Go(func() error { return h.exec(ctx, fmt.Sprintf(tinySQL, table, half+1, h.opts.FirstRows)) })
	return group.Wait()
}

func (h *harness) exec(ctx context.Context, sql string) error {
	if _, err := h.db.Exec(ctx, sql); err != nil {
		return fmt.Errorf("create the data: %w", err)
	}
	return nil
}

const sizeSQL = `SELECT count(*), coalesce(sum(octet_length(resource::text)), 0) FROM `

// survey counts the rows and bytes of the tables that are dumped.
func (h *harness) survey(ctx context.Context) error {
	names := make([]string, 0, len(kinds)+1)
	for _, k := range kinds {
		names = append(names, k.name)
	}
	for _, name := range append(names, tenth) {
		t := Table{Type: name}
		if err := h.db.QueryRow(ctx, sizeSQL+aidbox.Table(name)).Scan(&t.Rows, &t.Text); err != nil {
			return fmt.Errorf("count %s: %w", name, err)
		}
		h.tables = append(h.tables, t)
	}
	return nil
}

// table returns the result of survey for a type.
func (h *harness) table(name string) (t Table) {
	for _, t = range h.tables {
		if t.Type == name {
			return t
		}
	}
	return Table{Type: name}
}

// total returns the sum of the tables of an export.
func (h *harness) total() (sum Table) {
	for _, k := range kinds {
		t := h.table(k.name)
		sum.Rows += t.Rows
		sum.Text += t.Text
	}
	return sum
}
