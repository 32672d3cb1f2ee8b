package source

import (
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"strconv"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"

	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// Fetcher reads rows by their addresses, under the snapshot of a Reader.
type Fetcher struct {
	reader *Reader
	scans  []Scan // of the relations
}

// RowAddress is the address of a row among several relations: the index of its relation
// in the Fetcher's list, and its address there.
type RowAddress struct {
	Relation int
	TID      TID
}

// NewFetcher returns a Fetcher for these relations and locks them until the Reader is
// closed. It fails with catalog.ErrRewritten if one of them is no longer as the snapshot
// shows it.
func (r *Reader) NewFetcher(ctx context.Context, relations []catalog.Relation) (*Fetcher, error) {
	f := &Fetcher{reader: r}
	for _, relation := range relations {
		if err := r.lockRelation(ctx, relation); err != nil {
			return nil, fmt.Errorf("source: %w", err)
		}
		f.scans = append(f.scans, relationScan(relation))
	}
	return f, nil
}

const (
	// fetchSQL reads the row at each of a list of addresses: a lateral join, which the
	// server can only run as a nested loop, and so in the order of the list.
	fetchSQL = `SELECT l.n, x.* FROM unnest({addresses}, {relations}) WITH ORDINALITY AS l(address, relation, n)
CROSS JOIN LATERAL (
	{rows}
) AS x(id, txid, ts, cts, resource)`

	// fromSQL reads the row from the relation with this number, if it is in that one.
	fromSQL = `SELECT {columns} FROM {relation} AS r WHERE l.relation = {number} AND r.ctid = l.address`
)

// errRowGone means that the server did not return a row for each address, in their order.
var errRowGone = errors.New("a row is not at the address that it has in the snapshot")

// Fetch calls fn for the rows at these addresses, in this order, each with the index of
// its address. It reads all of them by one statement, so there should be a few thousand. The
// error of fn is returned as it is.
func (f *Fetcher) Fetch(ctx context.Context, addresses []RowAddress, fn func(n int, row *Row) error) error {
	if len(addresses) == 0 {
		return nil
	}
	conn := f.reader.conn.Conn.Conn()
	stored, err := f.reader.forms.Stored(ctx, conn)
	if err != nil {
		return fmt.Errorf("source: %w", explain(f.reader.conn, err))
	}
	next := 0
	q := f.query(addresses, stored)
	row := Row{Stored: stored}
	q.check = func(fields []pgconn.FieldDescription) error {
		if len(fields) == 0 || fields[0].DataTypeOID != pgtype.Int8OID {
			return errRowGone
		}
		return checkColumns(catalog.Table{Name: "rows"}, fields[1:], stored)
	}
	q.each = func(values [][]byte) (size int, err error) {
		if binary.BigEndian.Uint64(values[0]) != uint64(next)+1 {
			return 0, fmt.Errorf("source: %w", errRowGone)
		}
		if err := row.decode(&f.scans[addresses[next].Relation].Table, values[1:]); err != nil {
			return 0, fmt.Errorf("source: %w", err)
		}
		next++
		return len(row.Resource), fn(next-1, &row)
	}
	err = f.reader.run(ctx, q)
	if stored && err != nil {
		sql, _ := q.statement.Statement()
		err = f.reader.forms.Explain(conn, sql, err)
	}
	if err == nil && next < len(addresses) {
		err = fmt.Errorf("source: %w", errRowGone)
	}
	return err
}

// query returns the query of the rows at these addresses.
func (f *Fetcher) query(addresses []RowAddress, stored bool) query {
	used := make([]bool, len(f.scans))
	tids, numbers := []byte{'{'}, []byte{'{'}
	for i, address := range addresses {
		if i > 0 {
			tids, numbers = append(tids, ','), append(numbers, ',')
		}
		used[address.Relation] = true
		tids = address.TID.appendText(tids)
		numbers = strconv.AppendInt(numbers, int64(address.Relation), 10)
	}
	var from []sqltext.Fragment
	for i, scan := range f.scans {
		if used[i] {
			from = append(from, sqltext.New(fromSQL, sqltext.Values{
				"columns":  scan.columns(sqltext.Text("r.resource"), stored),
				"relation": scan.from(),
				"number":   sqltext.Text(strconv.Itoa(i)),
			}))
		}
	}
	return query{
		relation: "rows by address",
		statement: sqltext.New(fetchSQL, sqltext.Values{
			"addresses": sqltext.Arg(string(append(tids, '}')), "tid[]"),
			"relations": sqltext.Arg(string(append(numbers, '}')), "integer[]"),
			"rows":      sqltext.Join(from, "\n\tUNION ALL\n\t"),
		}),
	}
}

// TID is the address of a row in its relation, PostgreSQL's ctid: the heap page and the
// item in it. It is valid as long as a snapshot that shows the row is held and the table
// is locked against rewriting.
type TID struct {
	Page   uint32
	Offset uint16
}

// decodeTID decodes the binary form of a tid.
func decodeTID(value []byte) (a TID, ok bool) {
	if len(value) != 6 {
		return a, false
	}
	return TID{binary.BigEndian.Uint32(value), binary.BigEndian.Uint16(value[4:])}, true
}

// appendText appends the address as PostgreSQL reads one in an array.
func (a TID) appendText(dst []byte) []byte {
	dst = strconv.AppendUint(append(dst, `"(`...), uint64(a.Page), 10)
	dst = strconv.AppendUint(append(dst, ','), uint64(a.Offset), 10)
	return append(dst, `)"`...)
}

// relationScan returns the scan of a whole relation.
func relationScan(r catalog.Relation) Scan {
	table := catalog.Table{Type: r.Type, Schema: r.Schema, Name: r.Name, HasCreated: r.HasCreated, Casts: r.Casts}
	return Scan{Table: table, Pages: catalog.PageRange{Schema: r.Schema, Name: r.Name}}
}
