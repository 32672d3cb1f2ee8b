package sql

import (
	"context"
	"errors"
	"slices"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/api/problem"
	"github.com/seed-90096f4d/sluice/fhir/search"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// selection is which resources the views of a request read.
type selection struct {
	since    time.Time
	patients []string // their ids
	group    string   // its id
}

// isRestricted reports whether only the resources of some patients are read.
func (s selection) isRestricted() bool { return s.patients != nil || s.group != "" }

// parseSelection parses patient, group and _since.
func (c *checker) parseSelection() {
	c.since = c.params.Since()
	c.patients = c.parseReferences("patient", "Patient")
	groups := c.parseReferences("group", "Group")
	if len(groups) > 1 {
		_ = c.params.Refuse(problem.NotSupported("group", "group must be given once, got %d Groups", len(groups)))
	}
	if len(groups) > 0 {
		c.group = groups[0]
	}
}

// parseReferences returns the distinct ids in a parameter that contains references to
// resources of a type.
func (c *checker) parseReferences(name, resourceType string) (ids []string) {
	references, _ := c.params.List(name)
	seen := map[string]bool{}
	for _, reference := range references {
		id, ok := endpoint.LocalID(c.params.Base, resourceType, reference)
		if !ok {
			_ = c.params.Refuse(problem.Invalid(name, "%s must be a reference to a resource of this server such as %s/123, got %s", name, resourceType, problem.Quote(reference)))
		} else if !seen[id] {
			seen[id], ids = true, append(ids, id)
		}
	}
	return ids
}

// checkSelection requires that the client may receive resources of the Group, that the
// Group exists, and that the patients exist or are its members. A request that is refused
// already looks nothing up: a client that may not receive the rows must not learn what
// exists. A patient outside of the Group is the same problem whether it exists or not.
func (c *checker) checkSelection(ctx context.Context) error {
	if err := c.params.Refuse(endpoint.AllowGroup(c.call.Client, c.group)); err != nil {
		return err
	}
	if c.group != "" {
		if err := c.require(ctx, "Group", "group: Group", "does not exist", []string{c.group}, search.Unknown); err != nil {
			return err
		}
		return c.require(ctx, "Group", "patient: Patient", "is not a member of the Group", c.patients, func(table string, ids []string) sqltext.Fragment {
			return search.Group{ID: c.group, Table: table, At: time.Now()}.NotMembers(ids)
		})
	}
	return c.require(ctx, "Patient", "patient: Patient", "does not exist", c.patients, search.Unknown)
}

// require records those of the ids that a query of the table of a resource type returns as
// problems of a parameter, unless the request is refused already. subject is the parameter
// and what the ids are of.
func (c *checker) require(ctx context.Context, resourceType, subject, reason string, ids []string, query func(table string, ids []string) sqltext.Fragment) error {
	if len(ids) == 0 || c.params.Refused() {
		return nil
	}
	wrong := ids
	table, err := c.views.config.Source.Table(ctx, resourceType)
	if err == nil {
		wrong, err = c.views.config.Source.Lookup(ctx, query(table.Quoted(), ids))
	}
	if err != nil && !errors.Is(err, catalog.ErrNoTable) {
		return problem.Unavailable(err)
	}
	parameter, _, _ := strings.Cut(subject, ":")
	for _, id := range slices.Sorted(slices.Values(wrong)) {
		_ = c.params.Refuse(problem.Missing(parameter, "%s/%s %s", subject, problem.Shorten(id), reason))
	}
	return nil
}

// maxMembers is the maximum number of members of a Group whose resources are looked up
// in an index; for more, the whole table is read.
const maxMembers = 1000

// scan returns the scan of a table that reads the selected resources. The members of a
// Group are determined now; patients that are not among them are left out.
func (s selection) scan(ctx context.Context, from *source.Source, table catalog.Table) (source.Scan, error) {
	scan := source.Scan{Table: table, ChangedAfter: s.since}
	if !s.isRestricted() {
		return scan, nil
	}
	selected := search.Patients{IDs: s.patients}
	if s.group != "" {
		var err error
		if selected, err = s.members(ctx, from); err != nil {
			return scan, err
		}
	}
	scan.Condition = selected.Compartment(table.Type)
	return scan, nil
}

// members returns the selected members of the Group.
func (s selection) members(ctx context.Context, from *source.Source) (search.Patients, error) {
	table, err := from.Table(ctx, "Group")
	if err != nil {
		return search.Patients{}, err
	}
	group := search.Group{ID: s.group, Table: table.Quoted(), At: time.Now()}
	query := group.Patients(maxMembers + 1)
	if s.patients != nil {
		query = group.Members(s.patients)
	}
	ids, err := from.Lookup(ctx, query)
	if err != nil {
		return search.Patients{}, err
	}
	if s.patients == nil && len(ids) > maxMembers {
		return search.Patients{Group: &group}, nil
	}
	return search.Patients{IDs: ids}, nil
}
