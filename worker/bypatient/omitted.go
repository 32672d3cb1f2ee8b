package bypatient

import (
	"fmt"
	"slices"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/worker/plan"
	"github.com/seed-90096f4d/sluice/worker/stage"
)

// omitted collects the resources that an export by type would have and one by patient
// does not (Bulk Data 3.0.0, "Bulk Data Output File Organization": resources without
// a reference to a patient may be omitted). All of them are reported.
type omitted struct {
	types     []string // of the relations
	outside   []string // types that are in no compartment
	noPatient map[string]int64
	crowded   []fhir.OutcomeIssue // resources of more than maxBlocks patients
	unlisted  int64               // more of these
}

func newOmitted(scope *plan.Scope, keyed source.KeyScan) *omitted {
	o := &omitted{noPatient: map[string]int64{}}
	for _, k := range keyed.Relations {
		o.types = append(o.types, k.Relation.Type)
	}
	for _, table := range scope.Tables {
		if scope.Export.Request.Level == jobs.SystemLevel && !search.InCompartment(table.Type) && table.Pages > 0 {
			o.outside = append(o.outside, table.Type)
		}
	}
	return o
}

// add adds a row that is in no patient block.
func (o *omitted) add(row *source.KeyedRow) {
	resourceType := o.types[row.Relation]
	switch {
	case row.Keys == 0:
		o.noPatient[resourceType]++
	case len(o.crowded) == stage.MaxOutcomes:
		o.unlisted++
	default:
		o.crowded = append(o.crowded, fhir.OutcomeIssue{
			Code: "too-costly", Expression: []string{resourceType},
			Diagnostics: fmt.Sprintf("%s/%s is in the compartments of %d patients, more than %d: it is in no patient block", resourceType, row.ID, row.Keys, maxBlocks),
		})
	}
}

// outcomes returns the report.
func (o *omitted) outcomes() []fhir.OutcomeIssue {
	var all []fhir.OutcomeIssue
	for _, resourceType := range o.outside {
		all = append(all, fhir.OutcomeIssue{
			Code: "incomplete", Expression: []string{resourceType},
			Diagnostics: fmt.Sprintf("%s: resources of this type are in no patient's compartment, and so in no patient block", resourceType),
		})
	}
	for _, resourceType := range slices.Compact(slices.Clone(o.types)) {
		if count := o.noPatient[resourceType]; count > 0 {
			all = append(all, fhir.OutcomeIssue{
				Code: "incomplete", Expression: []string{resourceType},
				Diagnostics: fmt.Sprintf("%s: %d resources are in no patient's compartment, and so in no patient block", resourceType, count),
			})
		}
	}
	all = append(all, o.crowded...)
	if o.unlisted > 0 {
		all = append(all, fhir.OutcomeIssue{Code: "too-costly", Diagnostics: fmt.Sprintf("%d more resources are in no patient block for the same reason", o.unlisted)})
	}
	return all
}
