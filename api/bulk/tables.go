package bulk

import (
	"context"
	"errors"
	"log/slog"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// checkTables removes the types from the request whose tables cannot be read. Named
// types without a table, and tables that cannot be read, are one problem that names
// all of them, unless it is forgiven. Of unnamed types, those without a table have
// no resources, but one must have a table. If the source does not respond, the
// export checks its tables itself.
func (b *requestBuilder) checkTables(ctx context.Context) {
	named := b.request.Existing
	types := b.request.Types
	faults, known := b.exports.tables.faults(ctx, types, named)
	if !known {
		return
	}
	if b.addsProvenance {
		types = types[:len(types)-1]
		b.checkProvenance(faults[provenance])
	}
	var missing, unreadable []string
	for _, resourceType := range types {
		switch fault := faults[resourceType]; {
		case fault != nil && !errors.Is(fault, catalog.ErrNoTable):
			unreadable = append(unreadable, resourceType)
		case fault != nil && named:
			missing = append(missing, resourceType)
		}
	}
	if len(missing)+len(unreadable) > 0 {
		_ = b.params.Forgive(tableProblem(missing, unreadable, faults, !named && !b.params.Lenient))
		b.removeTypes(append(missing, unreadable...))
	}
	if !named && !slices.ContainsFunc(b.request.Types, func(resourceType string) bool { return faults[resourceType] == nil }) {
		_ = b.params.Refuse(problem.Missing("_type", "there is no readable table of any resource type that the client's scopes cover"))
	}
	b.requireTypes()
}

// checkProvenance leaves associated data out if its table exists and cannot be read.
func (b *requestBuilder) checkProvenance(fault error) {
	if fault == nil || errors.Is(fault, catalog.ErrNoTable) {
		return
	}
	refused := tableProblem(nil, []string{provenance}, map[string]error{provenance: fault}, true)
	refused.Parameter = associatedParameter
	_ = b.params.Forgive(refused)
	b.dropAssociated()
}

func (b *requestBuilder) removeTypes(types []string) {
	b.request.Types = slices.DeleteFunc(b.request.Types, func(resourceType string) bool { return slices.Contains(types, resourceType) })
	for _, resourceType := range types {
		delete(b.request.Filters, resourceType)
	}
}

// tableProblem returns the problem of types without a table, and of types whose
// table cannot be read. advise adds how to export the other types.
func tableProblem(missing, unreadable []string, faults map[string]error, advise bool) *problem.Problem {
	refused := problem.Missing("_type", "")
	var texts []string
	for _, resourceType := range missing {
		texts = append(texts, problem.NoTableText(resourceType, faults[resourceType]))
	}
	if len(unreadable) > 0 {
		refused = problem.NotSupported("_type", "")
		texts = append(texts, unreadableTables(unreadable, faults)...)
		if advise {
			texts = append(texts, "to export the other types, name them in _type or use Prefer: handling=lenient")
		}
	}
	refused.Text = strings.Join(texts, "; ")
	return refused
}

// unreadableTables explains why the tables of types cannot be read, one text per
// reason.
func unreadableTables(types []string, faults map[string]error) (texts []string) {
	var reasons []string
	byReason := map[string][]string{}
	relations := map[string][]string{}
	for _, resourceType := range types {
		var fault *catalog.UnreadableError
		if !errors.As(faults[resourceType], &fault) {
			continue
		}
		if byReason[fault.Reason] == nil {
			reasons = append(reasons, fault.Reason)
		}
		byReason[fault.Reason] = append(byReason[fault.Reason], resourceType)
		relations[fault.Reason] = append(relations[fault.Reason], fault.Relation)
	}
	for _, reason := range reasons {
		texts = append(texts, strings.Join(byReason[reason], ", ")+" cannot be exported: "+
			strings.Join(relations[reason], ", ")+" cannot be read: "+reason)
	}
	return texts
}

const (
	// faultsTimeout bounds a query of the tables' faults.
	faultsTimeout = 5 * time.Second

	// faultsLife is how long a result is reused: anyone may request the
	// capabilities, and the query would double the latency of a kick-off.
	faultsLife = 10 * time.Second

	// faultsRetry is the same for a query that failed.
	faultsRetry = time.Second
)

// tables caches which tables of the source cannot be read, and why. It is safe for
// concurrent use.
type tables struct {
	source *source.Source
	types  endpoint.ResourceTypes
	logger *slog.Logger

	mu      sync.Mutex
	recent  map[string]error // faults by type; nil if the source has not responded yet
	err     error            // of the last query
	expires time.Time
}

// faults returns why tables of the types cannot be read. It answers from the cache
// if that shows no fault that the kick-off has to report: a table that disappeared
// since is noticed by the export. known is false if the source does not respond.
func (t *tables) faults(ctx context.Context, types []string, named bool) (faults map[string]error, known bool) {
	faults, err := t.cached(ctx)
	if err == nil && reports(faults, types, named) {
		faults, err = t.query(ctx, types)
	}
	if err != nil {
		t.logger.WarnContext(ctx, "could not check tables at kick-off", "error", err)
		return nil, false
	}
	return faults, true
}

// reports reports whether a kick-off of the types is refused for the faults.
func reports(faults map[string]error, types []string, named bool) bool {
	readable := false
	for _, resourceType := range types {
		fault := faults[resourceType]
		if fault != nil && (named || !errors.Is(fault, catalog.ErrNoTable)) {
			return true
		}
		readable = readable || fault == nil
	}
	return !readable
}

// cached returns the faults of all types, which must not be changed, and the error
// of the last query. Faults of an earlier query are returned together with an error.
func (t *tables) cached(ctx context.Context) (map[string]error, error) {
	t.mu.Lock()
	defer t.mu.Unlock()
	if time.Now().Before(t.expires) {
		return t.recent, t.err
	}
	faults, err := t.query(context.WithoutCancel(ctx), t.types) // for other requests, too
	if t.err = err; err != nil {
		t.expires = time.Now().Add(faultsRetry)
		return t.recent, err
	}
	t.recent, t.expires = faults, time.Now().Add(faultsLife)
	return faults, nil
}

func (t *tables) query(ctx context.Context, types []string) (map[string]error, error) {
	ctx, cancel := context.WithTimeout(ctx, faultsTimeout)
	defer cancel()
	return t.source.Faults(ctx, types)
}

// ExportableTypes returns the resource types of FHIR whose tables can be read. If the
// source does not respond, it returns the last known ones.
func (e *Exports) ExportableTypes(ctx context.Context) ([]string, error) {
	faults, err := e.tables.cached(ctx)
	if faults == nil {
		return nil, problem.Unavailable(err)
	}
	return slices.DeleteFunc(slices.Clone(e.config.Types), func(resourceType string) bool { return faults[resourceType] != nil }), nil
}
