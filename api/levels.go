package api

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// exportSystem answers GET and POST /fhir/$export: every resource.
func (a *API) exportSystem(c *gin.Context, client auth.Client) error {
	return a.export(c, client, jobs.Request{Level: jobs.SystemLevel})
}

// exportPatients answers GET and POST /fhir/Patient/$export: what is in the
// compartment of any patient, or of those that are named.
func (a *API) exportPatients(c *gin.Context, client auth.Client) error {
	return a.export(c, client, jobs.Request{Level: jobs.PatientLevel})
}

// exportGroup answers GET and POST /fhir/Group/<id>/$export: what is in the
// compartments of the group's members.
func (a *API) exportGroup(c *gin.Context, client auth.Client) error {
	id := c.Param("id")
	if err := allowGroup(client, id); err != nil { // or a 404 would tell which Groups there are
		return err
	}
	table, err := a.config.Source.Table(c.Request.Context(), "Group")
	if err != nil && !errors.Is(err, catalog.ErrNoTable) {
		return unavailable(err)
	}
	known := err == nil && storable(id)
	if known {
		unknown, err := a.config.Source.Lookup(c.Request.Context(), search.Unknown(table.Quoted(), []string{id}))
		if err != nil {
			return unavailable(err)
		}
		known = len(unknown) == 0
	}
	if !known {
		return notFound("there is no Group with this id")
	}
	return a.export(c, client, jobs.Request{Level: jobs.GroupLevel, Group: id})
}

// readPatients reads the parameter patient: references to patients, or their
// ids. nil means that it was not given.
func (a *API) readPatients(ctx context.Context, params *parameters, request jobs.Request) (ids []string, err error) {
	given, ok := params.list("patient")
	ignore := readPatientErrors(params)
	if !ok {
		return nil, nil
	}
	before := params.lenient
	params.lenient = params.lenient || ignore
	defer func() { params.lenient = before }()

	seen := map[string]bool{}
	for _, reference := range given {
		id, found := patientID(params.base, reference)
		if !found {
			if err := params.forgive(invalid("patient", "patient must be a reference to a patient of this server such as Patient/123, or an id, got %s", quote(reference))); err != nil {
				return nil, err
			}
			continue
		}
		if !seen[id] {
			seen[id] = true
			ids = append(ids, id)
		}
	}
	if len(params.problems) > 0 {
		return nil, nil // the request is refused before anybody is looked up
	}
	if ids, err = a.knownPatients(ctx, params, request, ids); err != nil {
		return nil, err
	}
	if len(ids) == 0 && len(params.problems) == 0 { // to export all patients instead would be more than was asked for
		return nil, &problem{status: 400, code: "not-found", parameter: "patient", text: "patient names nobody whose resources can be exported"}
	}
	return ids, nil
}

// readPatientErrors reads Aidbox's parameter that says what to do with patients
// who are not there.
func readPatientErrors(params *parameters) (ignore bool) {
	value, ok := params.one("onPatientError")
	if ok && value != "fail" && value != "ignore" {
		_ = params.refuse(invalid("onPatientError", "onPatientError is fail or ignore, not %s", quote(value)))
	}
	return value == "ignore"
}

// patientID returns the id in Patient/123, in a version of that, in its URL on this
// server, whose base is given, or in 123 itself. A URL on another server names another
// patient.
func patientID(base, reference string) (id string, ok bool) {
	id = strings.TrimPrefix(reference, "Patient/")
	if len(reference) > len(base) && strings.EqualFold(reference[:len(base)], base) {
		if id, ok = strings.CutPrefix(reference[len(base):], "/Patient/"); !ok {
			return "", false
		}
	}
	if before, version, versioned := strings.Cut(id, "/_history/"); versioned && id != reference && version != "" && !strings.ContainsAny(version, "/?#") {
		id = before
	}
	return id, id != "" && storable(id) && !strings.ContainsFunc(id, func(r rune) bool { return r <= ' ' || strings.ContainsRune("/|?#", r) })
}

// knownPatients leaves out who is not there or not a member of the group, if
// that is forgiven.
func (a *API) knownPatients(ctx context.Context, params *parameters, request jobs.Request, ids []string) ([]string, error) {
	var query sqltext.Fragment
	why := "there is no Patient/%s"
	switch request.Level {
	case jobs.GroupLevel:
		table, err := a.config.Source.Table(ctx, "Group")
		if err != nil {
			return nil, unavailable(err)
		}
		query = search.Group{ID: request.Group, Table: table.Quoted(), At: time.Now()}.NotMembers(ids)
		why = "Patient/%s is not a member of the group"
	default:
		table, err := a.config.Source.Table(ctx, "Patient")
		if errors.Is(err, catalog.ErrNoTable) {
			return nil, invalid("patient", "there are no patients")
		}
		if err != nil {
			return nil, unavailable(err)
		}
		query = search.Unknown(table.Quoted(), ids)
	}
	missing, err := a.config.Source.Lookup(ctx, query)
	if err != nil {
		return nil, unavailable(err)
	}
	slices.Sort(missing)
	for _, id := range missing {
		refused := &problem{status: 400, code: "not-found", parameter: "patient", text: fmt.Sprintf("patient: "+why, shorten(id))}
		if err := params.forgive(refused); err != nil {
			return nil, err
		}
	}
	return slices.DeleteFunc(ids, func(id string) bool {
		_, found := slices.BinarySearch(missing, id)
		return found
	}), nil
}
