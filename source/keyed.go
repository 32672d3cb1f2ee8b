package source

import (
	"cmp"
	"context"
	"encoding/binary"
	"errors"
	"fmt"
	"regexp"
	"strconv"
	"strings"

	"github.com/jackc/pgx/v5/pgconn"
	"github.com/jackc/pgx/v5/pgtype"
)

// KeyScan says which rows of some relations belong to which keys. A row can belong
// to several.
type KeyScan struct {
	Relations []KeyedRelation

	// Wanted, if it has SQL, is a SELECT of one column, the keys that are wanted.
	// Rows of no wanted key are then left out. Without, every key is wanted.
	Wanted Lookup

	// OnlyKeyed leaves out rows of no key. With Wanted they always are.
	OnlyKeyed bool

	// MaxKeys is how many keys a row may belong to, wanted or not. One of more is
	// handed out once, without a key.
	MaxKeys int
}

// KeyedRelation is a relation and how its rows belong to keys.
type KeyedRelation struct {
	Relation Relation

	// Scan says which of its rows to look at, by Only and the times; of its Blocks
	// only ByLookup matters, and its Table does not.
	Scan Scan

	// References is an expression over a row r: an array of jsonb objects, whose
	// members id are the row's keys.
	References string

	// Keys, if it has SQL, says it in the place of References.
	Keys KeysByID

	// First, if set, is a condition over k.key and the row's k.id that holds for
	// the row that comes before all others of its key.
	First string
}

// KeysByID is a statement that finds the keys of all rows of a relation together.
type KeysByID struct {
	// SQL is a SELECT of the ids of rows, in the column id, and of their keys, of
	// type text and not null, in the column key. In it, {rows} stands for the rows,
	// as in a Condition.
	SQL string

	// Args are the values of its placeholders, as those of a Lookup.
	Args []string
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
		if err := r.pinRelation(ctx, k.Relation); err != nil {
			return fmt.Errorf("source: %w", err)
		}
	}
	return r.conn.run(ctx, keyed.query(fn), r.limiter)
}

// pinRelation keeps the relation as the snapshot shows it and makes sure that it
// has the columns of a FHIR table.
func (r *Reader) pinRelation(ctx context.Context, relation Relation) error {
	if err := r.pin(ctx, true, relation.Schema, relation.Name); err != nil {
		return err
	}
	scan := relation.scan()
	result := r.conn.pg().ExecParams(ctx, scan.query().sql+" LIMIT 0", nil, nil, nil, nil)
	var wrong error
	if fields := result.FieldDescriptions(); fields != nil {
		wrong = checkColumns(scan.Table, fields)
	}
	if _, err := result.Close(); err != nil {
		return r.conn.explain(err)
	}
	return wrong
}

const (
	// wantedSQL names the keys that are wanted, once for all relations.
	wantedSQL = `WITH wanted (key) AS MATERIALIZED (SELECT DISTINCT w.key FROM (%s) AS w)
`

	// keyedSQL finds the rows of a relation (%[3]s) and their keys, by the references
	// x that %[4]s joins, unless a row has more than %[5]d. Whether a row comes first says %[1]s,
	// %[2]d is the place of the relation, and %[6]s limits the rows. OFFSET 0 keeps
	// the server from working the same out twice; and most rows have one reference,
	// whose key takes half the time without a look for others.
	keyedSQL = `SELECT k.key COLLATE "C", CASE WHEN %[1]s THEN 0 ELSE 1 END, %[2]d, k.ctid, k.bytes, k.keys, CASE WHEN k.key IS NULL THEN k.id END
FROM (
	SELECT unnest(CASE WHEN cardinality(a.keys) BETWEEN 1 AND %[5]d THEN a.keys ELSE ARRAY[NULL::text] END) AS key,
		r.ctid, pg_column_size(r.resource) AS bytes, coalesce(cardinality(a.keys), 0) AS keys, r.id::text AS id,
		CASE WHEN cardinality(a.keys) > %[5]d THEN x.refs END AS refs
	FROM %[3]s AS r
	%[4]s
	CROSS JOIN LATERAL (
		SELECT CASE jsonb_array_length(x.refs) WHEN 1 THEN array_remove(ARRAY[(x.refs #>> '{0,id}') COLLATE "C"], NULL) ELSE
			(SELECT array_agg(DISTINCT (e.v ->> 'id') COLLATE "C") FROM jsonb_array_elements(x.refs) AS e(v) WHERE e.v ->> 'id' IS NOT NULL)
			END AS keys OFFSET 0
	) AS a%[6]s
) AS k`

	// rowReferencesSQL joins what the row itself tells, rowKeysSQL what a statement
	// finds of all rows.
	rowReferencesSQL = `CROSS JOIN LATERAL (SELECT (%s)::jsonb AS refs OFFSET 0) AS x`
	rowKeysSQL       = `LEFT JOIN (
		SELECT found.id, jsonb_agg(jsonb_build_object('id', found.key)) AS refs FROM (%s) AS found GROUP BY found.id
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
	q.bind(k.Wanted.Args)
	wanted := ""
	if k.Wanted.SQL != "" {
		q.sql, wanted = fmt.Sprintf(wantedSQL, k.Wanted.SQL), ofWantedSQL
	}
	branches := make([]string, len(k.Relations))
	for i, relation := range k.Relations {
		branches[i] = relation.branch(&q, i, k.MaxKeys, k.OnlyKeyed || wanted != "") + wanted
	}
	q.sql += strings.Join(branches, "\nUNION ALL\n") + "\nORDER BY 1, 2, 3, 4"

	var row KeyedRow
	q.each = func(values [][]byte) (size int, err error) {
		if err := row.decode(values); err != nil {
			return 0, fmt.Errorf("source: %w", err)
		}
		return len(row.Key) + len(row.ID), fn(&row)
	}
	return q
}

// branch is the statement for one relation. Its arguments go behind those that
// the query has.
func (k KeyedRelation) branch(q *query, place, most int, onlyKeyed bool) string {
	var own query
	scan := k.Scan
	scan.Table, scan.Pages = k.Relation.scan().Table, PageRange{}
	limits := scan.limit(&own)
	relation := scan.Table.from(k.Relation.Schema, k.Relation.Name, true)
	references := fmt.Sprintf(rowReferencesSQL, k.References)
	if k.Keys.SQL != "" {
		keys := fillIn(shift(k.Keys.SQL, len(own.params)), relation+" AS r", limits)
		own.bind(k.Keys.Args)
		references = fmt.Sprintf(rowKeysSQL, keys)
	}
	limits = append(limits, scan.Only.conditions(relation+" AS r", limits, k.Scan.Pages.ByLookup)...)
	if onlyKeyed {
		limits = append(limits, "cardinality(a.keys) > 0")
	}
	references, condition := shift(references, len(q.params)), shift(where(limits), len(q.params))
	q.params, q.types = append(q.params, own.params...), append(q.types, own.types...)

	return fmt.Sprintf(keyedSQL, cmp.Or(k.First, "false"), place, relation, references, most, condition)
}

// placeholder is one of a statement. What stands in quotes, a name or a text, is
// none.
var placeholder = regexp.MustCompile(`"[^"]*"|'[^']*'|\$[0-9]+`)

// shift renumbers the placeholders of what stands behind others.
func shift(sql string, by int) string {
	return placeholder.ReplaceAllStringFunc(sql, func(one string) string {
		if one[0] != '$' {
			return one
		}
		number, _ := strconv.Atoi(one[1:])
		return "$" + strconv.Itoa(number+by)
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
