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

// KeyScan selects the rows of some relations by the keys that they belong to. A row can
// belong to several keys.
type KeyScan struct {
	Relations []KeyedRelation

	// Keys, if it is not empty, is a SELECT of one column: the keys to scan. Rows of
	// other keys only are then left out. If it is empty, all keys are scanned.
	Keys sqltext.Fragment

	// OnlyKeyed leaves out rows without a key. With Keys they are always left out.
	OnlyKeyed bool

	// MaxKeys limits the keys of a row. A row with more is returned once, with a nil Key.
	MaxKeys int
}

// KeyedRelation is a relation of a KeyScan.
type KeyedRelation struct {
	Relation catalog.Relation

	// Scan selects rows of the relation by Condition and the times. Of its Pages, only
	// ByLookup is used; its Table is not.
	Scan Scan

	// References is an expression on a row r: a jsonb array of objects, whose members id
	// are the row's keys.
	References sqltext.Fragment

	// Keys, if it is not empty, replaces References: a statement that finds the keys of
	// all rows together. It is a SELECT of the ids of rows, in the column id, and of
	// their keys, of type text and not null, in the column key. In it, {rows} represents
	// the rows, as in a sqltext.Condition.
	Keys sqltext.Fragment

	// First, if it is not empty, is a condition on k.key and the row's k.id that holds
	// for the row that comes before all others of its key.
	First sqltext.Fragment
}

// KeyedRow is a row that belongs to a key. Its bytes are valid until the callback
// returns.
type KeyedRow struct {
	// Key is nil for a row without a key, or with more than KeyScan.MaxKeys.
	Key []byte

	// Keys is the number of keys that the row belongs to, scanned or not.
	Keys int

	// Relation is the index of its relation in KeyScan.Relations.
	Relation int

	TID TID

	// Bytes is the size of the resource on disk.
	Bytes int64

	// ID is the row's id if Key is nil.
	ID []byte
}

// ScanKeys calls fn for each row and key, in the byte order of the keys; the rows of a
// key come in the order of the relations, after the row for which First holds. Rows
// without a key come last. It reads the relations once; the server sorts the addresses
// of the rows, not the resources. The error of fn is returned as it is.
func (r *Reader) ScanKeys(ctx context.Context, keyed KeyScan, fn func(*KeyedRow) error) error {
	if len(keyed.Relations) == 0 {
		return nil
	}
	for _, k := range keyed.Relations {
		if err := r.lockRelation(ctx, k.Relation); err != nil {
			return fmt.Errorf("source: %w", err)
		}
	}
	return r.run(ctx, keyed.query(fn))
}

// lockRelation locks a relation and verifies that it is as the snapshot shows it, and
// that it has the columns of a FHIR table.
func (r *Reader) lockRelation(ctx context.Context, relation catalog.Relation) error {
	if err := r.lockAndVerify(ctx, true, relation.Schema, relation.Name); err != nil {
		return err
	}
	scan := relationScan(relation)
	sql, _ := scan.statement(false).Statement()
	result := r.conn.PgConn().ExecParams(ctx, sql+" LIMIT 0", nil, nil, nil, nil)
	var wrong error
	if fields := result.FieldDescriptions(); fields != nil {
		wrong = checkColumns(scan.Table, fields, false)
	}
	if _, err := result.Close(); err != nil {
		return explain(r.conn, err)
	}
	return wrong
}

const (
	// scannedSQL evaluates KeyScan.Keys once for all relations.
	scannedSQL = `WITH scanned (key) AS MATERIALIZED (SELECT DISTINCT s.key FROM ({keys}) AS s)
`

	// keyedSQL finds the rows of a relation and their keys, by the references x that
	// {references} joins, unless a row has more than {max}. {number} is the index of the
	// relation. OFFSET 0 keeps the server from evaluating the same twice. Most rows have
	// one reference, whose key takes half the time if others are not looked for.
	keyedSQL = `SELECT k.key COLLATE "C", CASE WHEN {first} THEN 0 ELSE 1 END, {number}, k.ctid, k.bytes, k.keys, CASE WHEN k.key IS NULL THEN k.id END
FROM (
	SELECT unnest(CASE WHEN cardinality(a.keys) BETWEEN 1 AND {max} THEN a.keys ELSE ARRAY[NULL::text] END) AS key,
		r.ctid, pg_column_size(r.resource) AS bytes, coalesce(cardinality(a.keys), 0) AS keys, r.id::text AS id,
		CASE WHEN cardinality(a.keys) > {max} THEN x.refs END AS refs
	FROM {relation} AS r
	{references}
	CROSS JOIN LATERAL (
		SELECT CASE jsonb_array_length(x.refs) WHEN 1 THEN array_remove(ARRAY[(x.refs #>> '{0,id}') COLLATE "C"], NULL) ELSE
			(SELECT array_agg(DISTINCT (e.v ->> 'id') COLLATE "C") FROM jsonb_array_elements(x.refs) AS e(v) WHERE e.v ->> 'id' IS NOT NULL)
			END AS keys OFFSET 0
	) AS a{where}
) AS k`

	// rowReferencesSQL evaluates KeyedRelation.References for each row, and rowKeysSQL
	// KeyedRelation.Keys for all rows together.
	rowReferencesSQL = `CROSS JOIN LATERAL (SELECT ({references})::jsonb AS refs OFFSET 0) AS x`
	rowKeysSQL       = `LEFT JOIN (
		SELECT found.id, jsonb_agg(jsonb_build_object('id', found.key)) AS refs FROM ({keys}) AS found GROUP BY found.id
	) AS x ON x.id = r.id`

	// joinScannedSQL selects the rows of the scanned keys, and the rows with too many keys
	// of which one is scanned. All rows and all keys are joined as sets, because there
	// may be millions of both while the planner expects few. Rows with too many keys are
	// rare, and each has very many: IS TRUE keeps the planner from joining their keys
	// with the scanned ones one by one, so that these are hashed once.
	joinScannedSQL = `
LEFT JOIN scanned AS s ON s.key = k.key
WHERE s.key IS NOT NULL OR k.key IS NULL AND k.keys > 0
	AND EXISTS (SELECT FROM jsonb_array_elements(k.refs) AS e(v) WHERE (e.v ->> 'id' IN (SELECT m.key FROM scanned AS m)) IS TRUE)`
)

// The columns of keyedSQL.
const (
	keyedKey = iota
	keyedTurn
	keyedRelation
	keyedAddress
	keyedBytes
	keyedKeys
	keyedID
	keyedCount
)

func (k KeyScan) query(fn func(*KeyedRow) error) query {
	q := query{relation: "keys", check: func(fields []pgconn.FieldDescription) error {
		if len(fields) != keyedCount || fields[keyedAddress].DataTypeOID != pgtype.TIDOID {
			return errNoKeys
		}
		return nil
	}}
	q.statement = k.statement()

	var row KeyedRow
	q.each = func(values [][]byte) (size int, err error) {
		if err := row.decode(values); err != nil {
			return 0, fmt.Errorf("source: %w", err)
		}
		return len(row.Key) + len(row.ID), fn(&row)
	}
	return q
}

func (k KeyScan) statement() sqltext.Fragment {
	var with, join sqltext.Fragment
	if !k.Keys.IsEmpty() {
		with = sqltext.New(scannedSQL, sqltext.Values{"keys": k.Keys})
		join = sqltext.Text(joinScannedSQL)
	}
	branches := make([]sqltext.Fragment, len(k.Relations))
	for i, relation := range k.Relations {
		branches[i] = sqltext.Concat(relation.statement(i, k.MaxKeys, k.OnlyKeyed || !k.Keys.IsEmpty()), join)
	}
	return sqltext.Concat(with, sqltext.Join(branches, "\nUNION ALL\n"), sqltext.Text("\nORDER BY 1, 2, 3, 4"))
}

// statement returns the SELECT for one relation, the one with an index.
func (k KeyedRelation) statement(index, maxKeys int, onlyKeyed bool) sqltext.Fragment {
	scan := relationScan(k.Relation)
	scan.CreatedAfter, scan.ChangedAfter, scan.ChangedBefore = k.Scan.CreatedAfter, k.Scan.ChangedAfter, k.Scan.ChangedBefore
	limits := scan.limits()
	rows := scanRows(scan.from(), limits)
	references := sqltext.New(rowReferencesSQL, sqltext.Values{"references": k.References})
	if !k.Keys.IsEmpty() {
		references = sqltext.New(rowKeysSQL, sqltext.Values{"keys": k.Keys.Fill(rows)})
	}
	limits = append(limits, conditions(k.Scan.Condition, rows, k.Scan.Pages.ByLookup)...)
	if onlyKeyed {
		limits = append(limits, sqltext.Text("cardinality(a.keys) > 0"))
	}
	first := k.First
	if first.IsEmpty() {
		first = sqltext.Text("false")
	}
	return sqltext.New(keyedSQL, sqltext.Values{
		"first":      first,
		"number":     sqltext.Text(strconv.Itoa(index)),
		"relation":   scan.from(),
		"references": references,
		"max":        sqltext.Text(strconv.Itoa(maxKeys)),
		"where":      where(limits),
	})
}

// errNoKeys means that the result does not have the form of keyedSQL.
var errNoKeys = errors.New("the result of a scan by key has an unknown form")

// decode reads the binary form of a row.
func (k *KeyedRow) decode(values [][]byte) error {
	var ok bool
	if k.TID, ok = decodeTID(values[keyedAddress]); !ok {
		return errNoKeys
	}
	numbers := [keyedCount]int{}
	for _, column := range []int{keyedRelation, keyedBytes, keyedKeys} {
		if len(values[column]) != 4 {
			return errNoKeys
		}
		numbers[column] = int(int32(binary.BigEndian.Uint32(values[column])))
	}
	k.Key, k.ID = values[keyedKey], values[keyedID]
	k.Relation, k.Bytes, k.Keys = numbers[keyedRelation], int64(numbers[keyedBytes]), numbers[keyedKeys]
	return nil
}
