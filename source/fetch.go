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
	reader    *Reader
	relations []catalog.Relation
}

// RowAddress is where a row lies: the place of its relation in the Fetcher's list, and
// its address there.
type RowAddress struct {
	Relation int
	TID      TID
}

// NewFetcher returns one for these relations. ErrRewritten if one of them is no
// longer as the snapshot shows it; else all are kept so until the Reader is
// closed.
func (r *Reader) NewFetcher(ctx context.Context, relations []catalog.Relation) (*Fetcher, error) {
	for _, relation := range relations {
		if err := r.lockRelation(ctx, relation); err != nil {
			return nil, fmt.Errorf("source: %w", err)
		}
	}
	return &Fetcher{r, relations}, nil
}

const (
	// fetchSQL goes through a list of addresses and numbers of relations
	// and takes each row out of its relation: a nested loop, which is the only way
	// to join what refers to the row before, and so in the order of the list.
	fetchSQL = `SELECT l.n, x.* FROM unnest({addresses}, {relations}) WITH ORDINALITY AS l(address, relation, n)
CROSS JOIN LATERAL (
	{rows}
) AS x(id, txid, ts, cts, resource)`

	// fromSQL takes a row out of the relation with a number. Only if it is this one, the
	// server looks there.
	fromSQL = `SELECT {columns} FROM {relation} AS r WHERE l.relation = {number} AND r.ctid = l.address`
)

// errRowGone means that the server has not given each row in its turn.
var errRowGone = errors.New("a row is not where the snapshot had it")

// Fetch hands fn the rows at these places, in this order, each with its place's
// number. It asks for all of them at once: there should be some thousands. It is
// otherwise as Scan.
func (p *Fetcher) Fetch(ctx context.Context, places []RowAddress, fn func(n int, row *Row) error) error {
	if len(places) == 0 {
		return nil
	}
	next := 0
	q := p.query(places)
	var row Row
	q.check = func(fields []pgconn.FieldDescription) error {
		if len(fields) == 0 || fields[0].DataTypeOID != pgtype.Int8OID {
			return errRowGone
		}
		return checkColumns(catalog.Table{Name: "rows"}, fields[1:])
	}
	q.each = func(values [][]byte) (size int, err error) {
		if binary.BigEndian.Uint64(values[0]) != uint64(next)+1 {
			return 0, fmt.Errorf("source: %w", errRowGone)
		}
		table := relationScan(p.relations[places[next].Relation]).Table
		if err := row.decode(&table, values[1:]); err != nil {
			return 0, fmt.Errorf("source: %w", err)
		}
		next++
		return len(row.Resource), fn(next-1, &row)
	}
	err := p.reader.run(ctx, q)
	if err == nil && next < len(places) {
		err = fmt.Errorf("source: %w", errRowGone)
	}
	return err
}

// query asks for the places.
func (p *Fetcher) query(places []RowAddress) query {
	used := make([]bool, len(p.relations))
	addresses, numbers := []byte{'{'}, []byte{'{'}
	for i, place := range places {
		if i > 0 {
			addresses, numbers = append(addresses, ','), append(numbers, ',')
		}
		used[place.Relation] = true
		addresses = place.TID.appendText(addresses)
		numbers = strconv.AppendInt(numbers, int64(place.Relation), 10)
	}
	var from []sqltext.Fragment
	for i, relation := range p.relations {
		if used[i] {
			scan := relationScan(relation)
			from = append(from, sqltext.New(fromSQL, sqltext.Values{
				"columns":  scan.columns(sqltext.Text("r.resource")),
				"relation": scan.from(),
				"number":   sqltext.Text(strconv.Itoa(i)),
			}))
		}
	}
	return query{
		relation: "rows by their addresses",
		statement: sqltext.New(fetchSQL, sqltext.Values{
			"addresses": sqltext.Arg(string(append(addresses, '}')), "tid[]"),
			"relations": sqltext.Arg(string(append(numbers, '}')), "integer[]"),
			"rows":      sqltext.Join(from, "\n\tUNION ALL\n\t"),
		}),
	}
}
