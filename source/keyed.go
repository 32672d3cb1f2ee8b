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

// KeyScan says which rows of some relations belong to which keys. A row can belong
// to several.
type KeyScan struct {
	Relations []KeyedRelation

	// Wanted, if it is not empty, is a SELECT of one column, the keys that are wanted.
	// Rows of no wanted key are then left out. Without, every key is wanted.
	Wanted sqltext.Fragment

	// OnlyKeyed leaves out rows of no key. With Wanted they always are.
	OnlyKeyed bool

	// MaxKeys is how many keys a row may belong to, wanted or not. One of more is
	// handed out once, without a key.
	MaxKeys int
}

// KeyedRelation is a relation and how its rows belong to keys.
type KeyedRelation struct {
	Relation catalog.Relation

	// Scan says which of its rows to look at, by Only and the times; of its Blocks
	// only ByLookup matters, and its Table does not.
	Scan Scan

	// References is an expression over a row r: an array of jsonb objects, whose
	// members id are the row's keys.
	References sqltext.Fragment

	// Keys, if it is not empty, replaces References: a statement that finds the keys of
	// all rows together. It is a SELECT of the ids of rows, in the column id, and of
	// their keys, of type text and not null, in the column key. In it, {rows} stands for
	// the rows, as in a sqltext.Condition.
	Keys sqltext.Fragment

	// First, if it is not empty, is a condition over k.key and the row's k.id that holds
	// for the row that comes before all others of its key.
	First sqltext.Fragment
}

// KeyedRow is a row that belongs to a key. Its bytes are valid until the callback
// that got it returns.
type KeyedRow struct {
	// Key is nil for a row of no key, or of too many.
	Key []byte

	// Keys is how many the row belongs to, wanted or not.
	Keys int

	// Relation is the place of its relation in Keyed.Relations.
	Relation int

	TID TID

	// Bytes is what the resource takes on disk.
	Bytes int64

	// ID is the row's id where there is no key.
	ID []byte
}

// ScanKeys hands fn the rows in the order of the keys, by their bytes; those of one
// key in the order of the relations, the first one first. Rows without a key
// come last. It reads the relations once and sorts what it finds, but not the
// resources. Otherwise it is as Scan.
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

// lockRelation locks a relation, verifies that it is as the snapshot shows it, and that it
// has the columns of a FHIR table.
func (r *Reader) lockRelation(ctx context.Context, relation catalog.Relation) error {
	if err := r.lockAndVerify(ctx, true, relation.Schema, relation.Name); err != nil {
		return err
	}
	scan := relationScan(relation)
	sql, _ := scan.statement().Statement()
	result := r.conn.PgConn().ExecParams(ctx, sql+" LIMIT 0", nil, nil, nil, nil)
	var wrong error
	if fields := result.FieldDescriptions(); fields != nil {
		wrong = checkColumns(scan.Table, fields)
	}
	if _, err := result.Close(); err != nil {
		return explain(r.conn, err)
	}
	return wrong
}

const (
	// wantedSQL names the keys that are wanted, once for all relations.
	wantedSQL = `WITH wanted (key) AS MATERIALIZED (SELECT DISTINCT w.key FROM ({wanted}) AS w)
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

	// rowReferencesSQL joins what the row itself tells, rowKeysSQL what a statement
	// finds of all rows.
	rowReferencesSQL = `CROSS JOIN LATERAL (SELECT ({references})::jsonb AS refs OFFSET 0) AS x`
	rowKeysSQL       = `LEFT JOIN (
		SELECT found.id, jsonb_agg(jsonb_build_object('id', found.key)) AS refs FROM ({keys}) AS found GROUP BY found.id
	) AS x ON x.id = r.id`

	// ofWantedSQL leaves the rows of wanted keys, and those of too many of which one
	// is wanted. All rows and all keys are joined as sets, for there may be millions
	// of both, and the server expects few. Those of too many are hardly ever any, and
	// each has very many: IS TRUE keeps the server from joining their keys with all
	// that are wanted one by one, and makes it hash these, once.
	ofWantedSQL = `
LEFT JOIN wanted AS w ON w.key = k.key
WHERE w.key IS NOT NULL OR k.key IS NULL AND k.keys > 0
	AND EXISTS (SELECT FROM jsonb_array_elements(k.refs) AS e(v) WHERE (e.v ->> 'id' IN (SELECT m.key FROM wanted AS m)) IS TRUE)`
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
	if !k.Wanted.IsEmpty() {
		with = sqltext.New(wantedSQL, sqltext.Values{"wanted": k.Wanted})
		join = sqltext.Text(ofWantedSQL)
	}
	branches := make([]sqltext.Fragment, len(k.Relations))
	for i, relation := range k.Relations {
		branches[i] = sqltext.Concat(relation.statement(i, k.MaxKeys, k.OnlyKeyed || !k.Wanted.IsEmpty()), join)
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
	limits = append(limits, conditions(k.Scan.Only, rows, k.Scan.Pages.ByLookup)...)
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

// errNoKeys means that the server's answer is not that to keyedSQL.
var errNoKeys = errors.New("the rows of keys are not what was asked for")

// decode reads the binary form of a row.
func (k *KeyedRow) decode(values [][]byte) error {
	var ok bool
	if k.TID, ok = decodeAddress(values[keyedAddress]); !ok {
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
