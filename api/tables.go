package api

import (
	"context"
	"errors"
	"slices"
	"strings"
	"sync"
	"time"

	"github.com/seed-90096f4d/sluice/source/catalog"
)

// checkTimeout bounds how long a request waits for the source to say which tables
// there are.
const checkTimeout = 5 * time.Second

// checkTables returns the types without those that have no readable table. A named
// type without a table, and tables that cannot be read, are an error that names all of
// them, unless it is forgiven; an unnamed type without a table just has no resources,
// but one at least must have a table. If the source does not answer, the export checks
// its tables itself.
func (a *API) checkTables(ctx context.Context, params *parameters, types []string, named bool) ([]string, error) {
	faults, known := a.findFaults(ctx, types)
	if !known {
		return types, nil
	}
	var kept, without, unreadable []string
	for _, resourceType := range types {
		fault := faults[resourceType]
		switch {
		case fault != nil && !errors.Is(fault, catalog.ErrNoTable):
			unreadable = append(unreadable, resourceType)
			continue
		case fault != nil && named:
			without = append(without, resourceType)
			continue
		}
		kept = append(kept, resourceType)
	}
	if len(without)+len(unreadable) > 0 {
		if err := params.forgive(withoutTables(without, unreadable, faults, !named && !params.lenient)); err != nil {
			return nil, err
		}
	}
	if !named && !slices.ContainsFunc(kept, func(resourceType string) bool { return faults[resourceType] == nil }) {
		refused := invalid("_type", "there is no table that can be read of any resource type that the client may take")
		refused.code = "not-found"
		return kept, refused
	}
	return kept, nil
}

// findFaults returns, of these types, those without a table that can be read, and why.
// known is false if the source does not answer.
func (a *API) findFaults(ctx context.Context, types []string) (faults map[string]error, known bool) {
	check, cancel := context.WithTimeout(ctx, checkTimeout)
	defer cancel()
	faults, err := a.config.Source.Faults(check, types)
	if err != nil {
		a.config.Logger.WarnContext(ctx, "tables not checked at kick-off", "error", err)
	}
	return faults, err == nil
}

// withoutTables is the problem of types without a table, and of those whose table
// cannot be read. advise adds how to get the rest.
func withoutTables(without, unreadable []string, faults map[string]error, advise bool) *problem {
	refused := invalid("_type", "")
	refused.code = "not-found"
	var texts []string
	for _, resourceType := range without {
		texts = append(texts, noTable(resourceType, faults[resourceType]))
	}
	if len(unreadable) > 0 {
		refused.code = "not-supported"
		texts = append(texts, unreadableTables(unreadable, faults)...)
		if advise {
			texts = append(texts, "_type can name other types, and with Prefer: handling=lenient these are left out")
		}
	}
	refused.text = strings.Join(texts, "; ")
	return refused
}

// unreadableTables says of types why their tables cannot be read, those with the same
// reason together.
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
		texts = append(texts, strings.Join(byReason[reason], ", ")+" can't be exported: "+
			strings.Join(relations[reason], ", ")+" cannot be read: "+reason)
	}
	return texts
}

// noTable is the text of a catalog.ErrNoTable. A table of something else that has
// the type's name is mentioned.
func noTable(resourceType string, err error) string {
	text := "there is no table of the resource type " + resourceType
	var unreadable *catalog.UnreadableError
	if errors.As(err, &unreadable) {
		text += ": " + unreadable.Error()
	}
	return text
}

const (
	// exportableAge is how long a list of the types that can be exported is reused:
	// anyone may ask for it.
	exportableAge = 10 * time.Second

	// exportableRetry is the same for a source that did not answer.
	exportableRetry = time.Second
)

// exportable knows which resource types can be exported here.
type exportable struct {
	mu    sync.Mutex
	types []string // nil if the source has not answered yet
	err   error    // of the last question
	next  time.Time
}

// exportableTypes returns the resource types of FHIR whose tables can be read. If the
// source does not answer, they are the last ones known.
func (a *API) exportableTypes(ctx context.Context) ([]string, error) {
	e := &a.exportable
	e.mu.Lock()
	defer e.mu.Unlock()
	if time.Now().After(e.next) {
		e.ask(ctx, a.config)
	}
	if e.types == nil {
		return nil, unavailable(e.err)
	}
	return e.types, nil
}

// ask asks the source. The answer is for others, too, so it does not depend on one
// request.
func (e *exportable) ask(ctx context.Context, config Config) {
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), checkTimeout)
	defer cancel()
	faults, err := config.Source.Faults(ctx, config.ResourceTypes)
	if e.err = err; err != nil {
		config.Logger.WarnContext(ctx, "resource types not listed", "error", err)
		e.next = time.Now().Add(exportableRetry)
		return
	}
	e.types = slices.DeleteFunc(slices.Clone(config.ResourceTypes), func(resourceType string) bool { return faults[resourceType] != nil })
	e.next = time.Now().Add(exportableAge)
}
