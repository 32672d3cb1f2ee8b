package store

import "context"

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
}

const searchSQL = selectSQL + `
WHERE ($1 = '' OR id = $1) AND ($2 = '' OR url = $2) AND ($3 = '' OR version = $3) AND ($4 = '' OR name = $4)
    AND starts_with(lower(coalesce(name, '')), lower($5)) AND strpos(lower(coalesce(name, '')), lower($6)) > 0
    AND id > $7
ORDER BY id LIMIT $8`

// Search returns the ViewDefinitions that match all criteria, in the order of their
// ids.
func (s *Store) Search(ctx context.Context, q Query) ([]Definition, error) {
	return s.list(ctx, searchSQL, q.ID, q.URL, q.Version, q.Name, q.NamePrefix, q.NamePart, q.After, q.Limit)
}
