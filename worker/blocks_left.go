package worker

import (
	"fmt"
	"slices"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
)

// leftOut gathers what an export by patient does not have and one by type would
// (Bulk Data 3.0.0, "Bulk Data Output File Organization": resources without a
// reference to a patient may be omitted). Nothing is omitted without a word.
type leftOut struct {
	types   []string // of the relations
	without map[string]int64
	many    []fhir.OutcomeIssue
	more    int64    // those that are too many to tell one by one
	outside []string // resource types
}

func newLeftOut(request jobs.Request, tables []source.Table, keyed source.KeyScan) *leftOut {
	left := &leftOut{without: map[string]int64{}}
	for _, k := range keyed.Relations {
		left.types = append(left.types, k.Relation.Type)
	}
	for _, table := range tables {
		if request.Level == jobs.SystemLevel && !search.InCompartment(table.Type) && table.Pages > 0 {
			left.outside = append(left.outside, table.Type)
		}
	}
	return left
}

// add takes a row of no block.
func (l *leftOut) add(row *source.KeyedRow) {
	resourceType := l.types[row.Relation]
	switch {
	case row.Keys == 0:
		l.without[resourceType]++
	case len(l.many) == maxOutcomes:
		l.more++
	default:
		l.many = append(l.many, fhir.OutcomeIssue{
			Code: "too-costly", Expression: []string{resourceType},
			Diagnostics: fmt.Sprintf("%s/%s is in the compartments of %d patients, more than %d: it is in no block", resourceType, row.ID, row.Keys, maxBlocks),
		})
	}
}

// outcomes tells what was left out.
func (l *leftOut) outcomes() []fhir.OutcomeIssue {
	var all []fhir.OutcomeIssue
	for _, resourceType := range l.outside {
		all = append(all, fhir.OutcomeIssue{
			Code: "incomplete", Expression: []string{resourceType},
			Diagnostics: fmt.Sprintf("%s: resources of this type are in no patient's compartment, and so in no block", resourceType),
		})
	}
	for _, resourceType := range slices.Compact(slices.Clone(l.types)) {
		if count := l.without[resourceType]; count > 0 {
			all = append(all, fhir.OutcomeIssue{
				Code: "incomplete", Expression: []string{resourceType},
				Diagnostics: fmt.Sprintf("%s: %d resources are in no patient's compartment, and so in no block", resourceType, count),
			})
		}
	}
	all = append(all, l.many...)
	if l.more > 0 {
		all = append(all, fhir.OutcomeIssue{Code: "too-costly", Diagnostics: fmt.Sprintf("%d more resources are in no block for the same reason", l.more)})
	}
	return all
}
