package catalog

import (
	"context"
	"fmt"
	"slices"
	"strings"

	"github.com/jackc/pgx/v5"
)

const (
	// samplePages is the number of pages of a table, or of a range, that are sampled for
	// the resource types of its rows: the first, the last, and others between them.
	samplePages = 8

	// sampleRows is the number of rows of a page that are sampled. sampleDocuments is that
	// number if the type is only in the resource, which may have to be decompressed.
	sampleRows      = 300
	sampleDocuments = 20
)

// sampleSQL returns the resource types of the rows in the samples %s.
const sampleSQL = `SELECT DISTINCT left(type, 63) FROM (%s) AS sample WHERE type IS NOT NULL`

// samplePage is a page of a relation or, with whole, its first row.
type samplePage struct {
	schema, name string
	number       int64
	whole        bool
}

// sample returns the resource types of the rows of these pages, sorted.
func sample(ctx context.Context, db Querier, pages []samplePage, hasTypeName bool) ([]string, error) {
	if len(pages) == 0 {
		return nil, nil
	}
	rows, err := db.Query(ctx, sampleOf(pages, hasTypeName))
	if err != nil {
		return nil, err
	}
	types, err := pgx.CollectRows(rows, pgx.RowTo[string])
	slices.Sort(types)
	return types, err
}

// sampleOf returns the statement that reads these pages. There must be one at least.
func sampleOf(pages []samplePage, hasTypeName bool) string {
	expression, limit := "r.resource->>'resourceType'", sampleDocuments
	if hasTypeName {
		expression, limit = "coalesce(r.resource_type::text, r.resource->>'resourceType')", sampleRows
	}
	parts := make([]string, len(pages))
	for i, page := range pages {
		from, limit := Quote(page.schema, page.name)+" AS r", limit
		if page.whole {
			limit = 1
		} else {
			from = fmt.Sprintf("ONLY %s WHERE r.ctid >= '(%d,0)' AND r.ctid < '(%d,0)'", from, page.number, page.number+1)
		}
		parts[i] = fmt.Sprintf("(SELECT %s AS type FROM %s LIMIT %d)", expression, from, limit)
	}
	return fmt.Sprintf(sampleSQL, strings.Join(parts, " UNION ALL "))
}

// sampled returns some pages of the members of a table.
func sampled(members []Member) (pages []samplePage) {
	filled := slices.DeleteFunc(slices.Clone(members), func(m Member) bool { return !m.Unsplit && m.Pages == 0 })
	for _, i := range spread(int64(len(filled)), samplePages) {
		m := filled[i]
		if m.Unsplit {
			pages = append(pages, samplePage{schema: m.Schema, name: m.Name, whole: true})
			continue
		}
		for _, number := range spread(m.Pages, max(samplePages/len(filled), 1)) {
			pages = append(pages, samplePage{schema: m.Schema, name: m.Name, number: number})
		}
	}
	return pages
}

// spread returns at most limit of the numbers from 0 to n-1: both ends, and others evenly
// between them.
func spread(n int64, limit int) (numbers []int64) {
	if n > int64(limit) && limit == 1 {
		return []int64{n - 1}
	}
	count := min(n, int64(limit))
	for i := range count {
		numbers = append(numbers, i*(n-1)/max(count-1, 1))
	}
	return numbers
}

const relationPagesSQL = `SELECT pg_relation_size($1::regclass) / current_setting('block_size')::int`

// OtherTypes returns the resource types that rows name instead of the table's, in some
// pages of a range, sorted. It samples no rows of the table as a whole, such as a view.
func OtherTypes(ctx context.Context, db Querier, table Table, pages PageRange) ([]string, error) {
	if pages.Name == "" {
		return nil, nil
	}
	end := pages.To
	if end == 0 {
		if err := db.QueryRow(ctx, relationPagesSQL, Quote(pages.Schema, pages.Name)).Scan(&end); err != nil {
			return nil, err
		}
	}
	var samples []samplePage
	for _, number := range spread(end-pages.From, samplePages) {
		samples = append(samples, samplePage{schema: pages.Schema, name: pages.Name, number: pages.From + number})
	}
	types, err := sample(ctx, db, samples, table.HasTypeName)
	return slices.DeleteFunc(types, func(name string) bool { return name == table.Type }), err
}
