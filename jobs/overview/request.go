package overview

import (
	"fmt"
	"maps"
	"slices"
	"strings"
	"time"

	"github.com/seed-90096f4d/sluice/jobs"
)

// Request is what a kick-off asked for, without ids of patients and values of filters.
// Of an export that has ended, only what its status needs is known.
type Request struct {
	Types []string `json:"types"`

	// Group is the id of the Group, at group level.
	Group string `json:"group,omitempty"`

	// Patients is the number of patients that the kick-off named.
	Patients int `json:"patients,omitempty"`

	// Filters is the number of searches by type.
	Filters map[string]int `json:"filters,omitempty"`

	Elements      []string   `json:"elements,omitempty"`
	ChangedAfter  *time.Time `json:"since,omitempty"`
	ChangedBefore *time.Time `json:"until,omitempty"`

	// Format is aidbox or fhir, or, of an export of tables, csv, ndjson or parquet.
	Format string `json:"format,omitempty"`

	// Views are the names of the outputs of an export of tables.
	Views []string `json:"views,omitempty"`

	OrganizedBy string `json:"organizedBy,omitempty"`

	// Associated is latest or relevant if Provenance is exported with the resources.
	Associated string `json:"associated,omitempty"`

	PartialManifests bool `json:"partialManifests,omitempty"`
}

func describe(read detail) Request {
	return Request{
		Types:            read.Request.Types,
		Group:            read.Request.Group,
		Patients:         read.Patients,
		Filters:          read.Filters,
		Elements:         read.Request.Elements,
		ChangedAfter:     optional(read.Request.ChangedAfter),
		ChangedBefore:    optional(read.Request.ChangedBefore),
		Format:           read.Format,
		Views:            read.Views,
		OrganizedBy:      read.Request.OrganizeBy,
		Associated:       string(read.Request.Associated),
		PartialManifests: read.Request.PartialManifests,
	}
}

func optional(at time.Time) *time.Time {
	if at.IsZero() {
		return nil
	}
	return &at
}

// Words returns the request in words, a phrase for each property.
func (r Request) Words() []string {
	words := []string{plural(len(r.Types), "type") + ": " + strings.Join(r.Types, ", ")}
	add := func(is bool, format string, args ...any) {
		if is {
			words = append(words, fmt.Sprintf(format, args...))
		}
	}
	add(len(r.Views) > 0, "%s: %s", plural(len(r.Views), "view"), strings.Join(r.Views, ", "))
	add(r.Group != "", "members of Group/%s", r.Group)
	add(r.Patients > 0, "only %s", plural(r.Patients, "named patient"))
	for _, name := range slices.Sorted(maps.Keys(r.Filters)) {
		add(true, "%s filtered by %s", name, plural(r.Filters[name], "search"))
	}
	add(len(r.Elements) > 0, "only elements %s", strings.Join(r.Elements, ", "))
	if r.ChangedAfter != nil {
		add(true, "changed after %s", r.ChangedAfter.UTC().Format(time.RFC3339))
	}
	if r.ChangedBefore != nil {
		add(true, "changed before %s", r.ChangedBefore.UTC().Format(time.RFC3339))
	}
	add(r.Associated != "", "with %s Provenance", r.Associated)
	add(r.OrganizedBy != "", "organized by %s", r.OrganizedBy)
	add(r.PartialManifests, "with partial manifests")
	add(r.Format != "", "%s format", r.Format)
	return words
}

// plural returns a number and the noun in its form.
func plural(count int, noun string) string {
	switch {
	case count == 1:
		return "1 " + noun
	case strings.HasSuffix(noun, "h"):
		return fmt.Sprintf("%d %ses", count, noun)
	}
	return fmt.Sprintf("%d %ss", count, noun)
}

// ParseLevel returns the level of a name: system, patient or group.
func ParseLevel(name string) jobs.Level {
	if name == "system" {
		return jobs.SystemLevel
	}
	return jobs.Level(name)
}
