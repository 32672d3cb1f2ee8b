package store

import (
	"context"
	"fmt"
)

// Query is a search for ViewDefinitions. Empty criteria match all.
type Query struct {
	// ID, URL, Version and Name must be equal.
	ID, URL, Version, Name string

	// NamePrefix and NamePart are the beginning and a part of the name, in upper or
	// lower case.
	NamePrefix, NamePart string

	// After is the last id of the previous page.
	After string

	// Limit is the maximum number of results.
	Limit int

	// Bytes is the size of documents at which the results end.
	Bytes int
}

const (
	// searchSQL returns the definitions before which there are less than $9 bytes: at
	// least one.
	searchSQL = `
SELECT id, definition::text, updated_at FROM (
    SELECT id, definition, updated_at,
        sum(octet_length(definition::text)) OVER (ORDER BY id) - octet_length(definition::text) AS preceding
    ` + matchSQL + ` AND id > $7
    ORDER BY id LIMIT $8) AS found
WHERE preceding < $9 ORDER BY id`

	isMoreSQL = `SELECT EXISTS (SELECT ` + matchSQL + ` AND id > $7)`

	matchSQL = `FROM sluice.view_definition
    WHERE ($1 = '' OR id = $1) AND ($2 = '' OR url = $2) AND ($3 = '' OR version = $3) AND ($4 = '' OR name = $4)
        AND starts_with(lower(coalesce(name, '')), lower($5)) AND strpos(lower(coalesce(name, '')), lower($6)) > 0`
)

// Search returns the ViewDefinitions that match all criteria, in the order of their
// ids, up to a limit, and whether there are more.
func (s *Store) Search(ctx context.Context, q Query) (found []Definition, more bool, err error) {
	args := []any{q.ID, q.URL, q.Version, q.Name, q.NamePrefix, q.NamePart, q.After}
	found, err = s.list(ctx, searchSQL, append(args, q.Limit, q.Bytes)...)
	if err != nil || len(found) == 0 {
		return found, false, err
	}
	args[len(args)-1] = found[len(found)-1].ID
	if err := s.pool.QueryRow(ctx, isMoreSQL, args...).Scan(&more); err != nil {
		return nil, false, fmt.Errorf("store: read ViewDefinitions: %w", err)
	}
	return found, more, nil
}
