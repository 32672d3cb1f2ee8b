package bench

import (
	"context"
	"fmt"
	"strings"

	"golang.org/x/sync/errgroup"
)

// The types whose tables are no part of an export: custom ones, which only a
// scope that names them covers.
const (
	tenth = "BenchTenth" // the first tenth of the subject's rows
	tiny  = "BenchTiny"  // very many rows of a few bytes
)

// tableSQL makes a table as Aidbox does; its key comes when it is filled.
const tableSQL = `
CREATE %[3]s TABLE %[1]s (
  id text NOT NULL, txid bigint NOT NULL, ts timestamptz DEFAULT now(), cts timestamptz DEFAULT now(),
  resource_type text DEFAULT '%[2]s', status resource_status NOT NULL DEFAULT 'created', resource jsonb NOT NULL);
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

// tableName is the table of a type. With its schema it may be a word that SQL
// reserves, such as binary.
func tableName(resourceType string) string { return "public." + strings.ToLower(resourceType) }

// load makes the data set, with two connections at a time.
func (f *field) load(ctx context.Context) error {
	if err := f.exec(ctx, toolsSQL); err != nil {
		return err
	}
	f.say("making %d MB of jsonb text", f.opts.Size/1e6)
	group, groupCtx := errgroup.WithContext(ctx)
	group.SetLimit(2)
	for _, k := range kinds {
		table, rows := tableName(k.name), k.rows(f.opts.Size)
		sql := fmt.Sprintf(tableSQL, table, k.name, "") + fmt.Sprintf(fillSQL, table, k.name, rows, k.sql)
		if k.name == subject {
			part := tableName(tenth)
			sql += fmt.Sprintf(tableSQL, part, tenth, "") + fmt.Sprintf(tenthSQL, part, table, rows/10)
		}
		group.Go(func() error { return f.exec(groupCtx, sql) })
	}
	if err := group.Wait(); err != nil {
		return err
	}
	if err := f.loadTiny(ctx); err != nil {
		return err
	}
	// What would be done some time later is done now, and not in a round.
	for _, sql := range []string{`VACUUM (FREEZE, ANALYZE)`, `CHECKPOINT`} {
		if err := f.exec(ctx, sql); err != nil {
			return err
		}
	}
	return nil
}

// loadTiny makes the table whose first byte is waited for.
func (f *field) loadTiny(ctx context.Context) error {
	if !f.wantsFirstByte() {
		return nil
	}
	f.say("making %d tiny rows", f.opts.FirstRows)
	table := tableName(tiny)
	if err := f.exec(ctx, fmt.Sprintf(tableSQL, table, tiny, "UNLOGGED")); err != nil {
		return err
	}
	half := f.opts.FirstRows / 2
	group, ctx := errgroup.WithContext(ctx)
	group.Go(func() error { return f.exec(ctx, fmt.Sprintf(tinySQL, table, 1, half)) })
	group.Go(func() error { return f.exec(ctx, fmt.Sprintf(tinySQL, table, half+1, f.opts.FirstRows)) })
	return group.Wait()
}

func (f *field) exec(ctx context.Context, sql string) error {
	if _, err := f.db.Exec(ctx, sql); err != nil {
		return fmt.Errorf("make the data: %w", err)
	}
	return nil
}

const sizeSQL = `SELECT count(*), coalesce(sum(octet_length(resource::text)), 0) FROM `

// survey counts the rows and the text of the tables that are dumped.
func (f *field) survey(ctx context.Context) error {
	names := make([]string, 0, len(kinds)+1)
	for _, k := range kinds {
		names = append(names, k.name)
	}
	for _, name := range append(names, tenth) {
		t := Table{Type: name}
		if err := f.db.QueryRow(ctx, sizeSQL+tableName(name)).Scan(&t.Rows, &t.Text); err != nil {
			return fmt.Errorf("count %s: %w", name, err)
		}
		f.tables = append(f.tables, t)
	}
	return nil
}

// table is what survey found of a type.
func (f *field) table(name string) (t Table) {
	for _, t = range f.tables {
		if t.Type == name {
			return t
		}
	}
	return Table{Type: name}
}

// whole is all that an export of everything holds.
func (f *field) whole() (sum Table) {
	for _, k := range kinds {
		t := f.table(k.name)
		sum.Rows += t.Rows
		sum.Text += t.Text
	}
	return sum
}
