package overview

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/google/uuid"

	"github.com/seed-90096f4d/sluice/jobs"
)

// Filter selects exports. The zero Filter selects the first page of all exports.
type Filter struct {
	// States are the states to list; none means all.
	States []jobs.State

	// Client is the id of the only client whose exports are listed; empty means all.
	Client string

	// Levels are the levels to list; none means all.
	Levels []jobs.Level

	// Since excludes exports that were accepted before.
	Since time.Time

	// After is Page.Next of the page before this one.
	After string

	// Limit is the maximum number of exports of the page. Defaults to DefaultLimit; at
	// most MaxLimit.
	Limit int
}

// Limits of pages.
const (
	DefaultLimit = 50
	MaxLimit     = 1000
)

// Page is a page of exports, newest first.
type Page struct {
	Exports []Summary `json:"exports"`

	// Next continues the list as Filter.After; empty if this is the last page.
	Next string `json:"next,omitempty"`
}

// States are all states of exports, Levels all levels.
var (
	States = []jobs.State{jobs.Accepted, jobs.Running, jobs.Completed, jobs.Failed, jobs.Cancelled, jobs.Expired}
	Levels = []jobs.Level{jobs.SystemLevel, jobs.PatientLevel, jobs.GroupLevel}
)

const (
	// listSQL reads at most a page of each state and level, in the order of the index
	// export_listed, whatever is listed.
	listSQL = summarySQL + `
JOIN (
    SELECT page.id
    FROM unnest($1::sluice.export_state[]) AS s (state) CROSS JOIN unnest($2::text[]) AS l (level)
    CROSS JOIN LATERAL (
        SELECT e.id, e.created_at FROM sluice.export e
        WHERE e.state = s.state AND ` + levelSQL + ` = l.level AND e.created_at >= $3 AND (e.created_at, e.id) < ($4, $5)
        ORDER BY e.created_at DESC, e.id DESC LIMIT $6) AS page
    ORDER BY page.created_at DESC, page.id DESC LIMIT $6) AS listed ON listed.id = e.id
ORDER BY e.created_at DESC, e.id DESC`

	// listClientSQL does so for the exports of a client, in the order of the index
	// export_listed_client. Of a client, few ended exports are kept, so that the level
	// needs no index.
	listClientSQL = summarySQL + `
JOIN (
    SELECT page.id
    FROM unnest($1::sluice.export_state[]) AS s (state)
    CROSS JOIN LATERAL (
        SELECT e.id, e.created_at FROM sluice.export e
        WHERE e.client_id = $7 AND e.state = s.state AND ` + levelSQL + ` = ANY($2) AND e.created_at >= $3 AND (e.created_at, e.id) < ($4, $5)
        ORDER BY e.created_at DESC, e.id DESC LIMIT $6) AS page
    ORDER BY page.created_at DESC, page.id DESC LIMIT $6) AS listed ON listed.id = e.id
ORDER BY e.created_at DESC, e.id DESC`
)

// List returns a page of exports, newest first. It returns ErrCursor if Filter.After is
// not a Page.Next.
func (r *Reader) List(ctx context.Context, filter Filter) (Page, error) {
	states, levels := filter.States, filter.Levels
	if len(states) == 0 {
		states = States
	}
	if len(levels) == 0 {
		levels = Levels
	}
	limit := filter.Limit
	if limit <= 0 {
		limit = DefaultLimit
	}
	limit = min(limit, MaxLimit)
	before, id, err := parseCursor(filter.After)
	if err != nil {
		return Page{}, err
	}
	// One more than the page shows whether there is another.
	sql, args := listSQL, []any{unique(states), unique(levels), filter.Since, before, id, limit + 1}
	if filter.Client != "" {
		sql, args = listClientSQL, append(args, filter.Client)
	}
	exports, err := collect[Summary](ctx, r.pool, "list exports", sql, args...)
	if err != nil {
		return Page{}, err
	}
	page := Page{Exports: exports}
	if len(exports) > limit {
		page.Exports = exports[:limit]
		page.Next = cursor(exports[limit-1])
	}
	return page, nil
}

// unique returns the values as texts, each once.
func unique[T ~string](values []T) []string {
	texts := make([]string, len(values))
	for i, value := range values {
		texts[i] = string(value)
	}
	slices.Sort(texts)
	return slices.Compact(texts)
}

// ErrCursor means that Filter.After is not a Page.Next.
var ErrCursor = errors.New("invalid position in the list of exports")

// cursor returns the position after an export.
func cursor(export Summary) string {
	text := export.CreatedAt.UTC().Format(time.RFC3339Nano) + " " + export.ID.String()
	return base64.RawURLEncoding.EncodeToString([]byte(text))
}

// parseCursor returns the position of a cursor; of an empty one the beginning.
func parseCursor(text string) (time.Time, uuid.UUID, error) {
	if text == "" {
		return time.Date(9999, time.January, 1, 0, 0, 0, 0, time.UTC), uuid.Max, nil
	}
	decoded, err := base64.RawURLEncoding.DecodeString(text)
	at, id, found := strings.Cut(string(decoded), " ")
	if err != nil || !found {
		return time.Time{}, uuid.UUID{}, ErrCursor
	}
	createdAt, err := time.Parse(time.RFC3339Nano, at)
	if err != nil {
		return time.Time{}, uuid.UUID{}, fmt.Errorf("%w: %w", ErrCursor, err)
	}
	last, err := uuid.Parse(id)
	if err != nil {
		return time.Time{}, uuid.UUID{}, fmt.Errorf("%w: %w", ErrCursor, err)
	}
	return createdAt, last, nil
}
