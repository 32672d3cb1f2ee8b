package bulk

import (
	"context"
	"errors"
	"slices"
	"time"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// checkGroup requires that the Group of an export at group level exists.
func (b *requestBuilder) checkGroup(ctx context.Context) error {
	id := b.request.Group
	if b.request.Level != jobs.GroupLevel {
		return nil
	}
	unknown := problem.NotFound("there is no Group with this id")
	if !endpoint.Storable(id) {
		return unknown
	}
	table, err := b.exports.config.Source.Table(ctx, "Group")
	if errors.Is(err, catalog.ErrNoTable) {
		return unknown
	}
	if err != nil {
		return problem.Unavailable(err)
	}
	missing, err := b.exports.config.Source.Lookup(ctx, search.Unknown(table.Quoted(), []string{id}))
	if err != nil {
		return problem.Unavailable(err)
	}
	if len(missing) > 0 {
		return unknown
	}
	return nil
}

// parsePatients parses patient, which contains references to patients or their ids,
// and Aidbox's onPatientError, which says what to do with unknown ones.
func (b *requestBuilder) parsePatients() {
	references, ok := b.params.List("patient")
	value, given := b.params.One("onPatientError")
	if given && value != "fail" && value != "ignore" {
		_ = b.params.Refuse(problem.Invalid("onPatientError", "onPatientError must be fail or ignore, got %s", problem.Quote(value)))
	}
	b.ignoresPatients = value == "ignore"
	if !ok {
		return
	}
	seen := map[string]bool{}
	for _, reference := range references {
		id, valid := endpoint.LocalID(b.params.Base, "Patient", reference)
		if !valid {
			b.forgivePatient(problem.Invalid("patient", "patient must be a reference to a patient of this server such as Patient/123, or an id, got %s", problem.Quote(reference)))
		} else if !seen[id] {
			seen[id] = true
			b.request.Patients = append(b.request.Patients, id)
		}
	}
	b.requirePatients()
}

// forgivePatient records a problem with a patient, which onPatientError=ignore also
// forgives.
func (b *requestBuilder) forgivePatient(err error) {
	lenient := b.params.Lenient
	b.params.Lenient = lenient || b.ignoresPatients
	_ = b.params.Forgive(err)
	b.params.Lenient = lenient
}

// requirePatients refuses a request of which no patient is left: to export all
// patients instead would be more than the client asked for.
func (b *requestBuilder) requirePatients() {
	if len(b.request.Patients) == 0 && !b.params.Refused() {
		_ = b.params.Refuse(problem.Missing("patient", "patient contains no patient whose resources can be exported"))
	}
}

// checkPatients requires that the given patients exist, and are members of the
// Group at group level. Forgiven ones are left out.
func (b *requestBuilder) checkPatients(ctx context.Context) error {
	if len(b.request.Patients) == 0 || b.params.Refused() {
		return nil
	}
	missing, reason, err := b.missingPatients(ctx)
	if err != nil {
		return b.params.Refuse(err)
	}
	slices.Sort(missing)
	for _, id := range missing {
		b.forgivePatient(problem.Missing("patient", "patient: Patient/%s %s", problem.Shorten(id), reason))
	}
	b.request.Patients = slices.DeleteFunc(b.request.Patients, func(id string) bool {
		_, found := slices.BinarySearch(missing, id)
		return found
	})
	b.requirePatients()
	return nil
}

// missingPatients returns the given patients that cannot be exported, and why.
func (b *requestBuilder) missingPatients(ctx context.Context) (ids []string, reason string, err error) {
	resourceType := "Patient"
	if b.request.Level == jobs.GroupLevel {
		resourceType = "Group"
	}
	table, err := b.exports.config.Source.Table(ctx, resourceType)
	if errors.Is(err, catalog.ErrNoTable) {
		return nil, "", problem.Invalid("patient", "there are no patients")
	}
	if err != nil {
		return nil, "", problem.Unavailable(err)
	}
	query, reason := search.Unknown(table.Quoted(), b.request.Patients), "does not exist"
	if b.request.Level == jobs.GroupLevel {
		query = search.Group{ID: b.request.Group, Table: table.Quoted(), At: time.Now()}.NotMembers(b.request.Patients)
		reason = "is not a member of the Group"
	}
	if ids, err = b.exports.config.Source.Lookup(ctx, query); err != nil {
		return nil, "", problem.Unavailable(err)
	}
	return ids, reason, nil
}
