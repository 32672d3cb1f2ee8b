package check

import (
	"context"
	"errors"
	"fmt"
	"slices"
	"strings"

	"github.com/dustin/go-humanize/english"
	"github.com/jackc/pgx/v5"

	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/source/form"
)

// Survey is what the role can read of the source database.
type Survey struct {
	role     string // quoted for SQL
	types    []string
	tables   []catalog.Table
	faults   map[string]error
	findings []Finding
}

// Source checks the source database: the role, the form of jsonb, and the tables of these
// types.
func Source(ctx context.Context, from *source.Source, types []string) *Survey {
	s := &Survey{types: types}
	if err := from.Ping(ctx); err != nil {
		s.add(Failed(SourceDatabase, err))
		return s
	}
	visibility, err := from.Visibility(ctx)
	if err != nil {
		s.add(Failed(SourceDatabase, err))
		return s
	}
	s.role = pgx.Identifier{visibility.Role}.Sanitize()
	s.add(s.form(from.Form()), s.visibility(visibility))
	s.identify(ctx, from)
	if s.tables, s.faults, err = from.Survey(ctx, types); err != nil {
		s.add(Failed(Tables, err))
		return s
	}
	s.add(s.readable())
	if len(s.tables) > 0 {
		s.add(s.history())
	}
	return s
}

// Findings are the findings of the source database.
func (s *Survey) Findings() []Finding { return s.findings }

// Works reports whether the tables could be examined.
func (s *Survey) Works() bool { return s.faults != nil }

func (s *Survey) add(findings ...Finding) { s.findings = append(s.findings, findings...) }

// form says in which form resources are read.
func (s *Survey) form(decision form.Decision) Finding {
	switch {
	case decision.NoCast:
		return Finding{Subject: SourceDatabase, Level: Warning, Text: "resources are read as text, which costs PostgreSQL several times as much as the stored form of jsonb (a superuser can allow that)",
			Remedies: []string{form.CreateCast}}
	case decision.Reason != "":
		return Finding{Subject: SourceDatabase, Level: Warning, Text: "resources are read as text: " + decision.Reason}
	}
	return ok(SourceDatabase, "resources are read in this form of jsonb: %s", decision)
}

// visibility says whether the role sees open transactions, which decide on transactionTime.
func (s *Survey) visibility(v source.Visibility) Finding {
	switch {
	case v.Standby:
		return ok(SourceDatabase, "a standby, which shows no writing transactions: transactionTime is earlier by SLUICE_SOURCE_COMMIT_MARGIN")
	case v.Restricted:
		return Finding{Subject: SourceDatabase, Level: Warning,
			Text:     fmt.Sprintf("the role %s does not see when transactions of others began: transactionTime is earlier by SLUICE_SOURCE_COMMIT_MARGIN", s.role),
			Remedies: []string{"GRANT pg_read_all_stats TO " + s.role}}
	}
	return ok(SourceDatabase, "the role %s sees when transactions began", s.role)
}

// identify checks whether processes can tell this server from another.
func (s *Survey) identify(ctx context.Context, from *source.Source) {
	switch id, err := from.Identity(ctx); {
	case err != nil:
		s.add(Failed(SourceDatabase, err))
	case id.SystemIdentifier == "":
		s.add(Finding{Subject: SourceDatabase, Level: Warning,
			Text:     "the server cannot be identified: only names of databases and schemas are compared between processes",
			Remedies: []string{"GRANT EXECUTE ON FUNCTION pg_control_system() TO " + s.role}})
	}
}

// readable says which tables can be read.
func (s *Survey) readable() Finding {
	var unreadable, privileges []string
	for _, resourceType := range s.types {
		fault := s.faults[resourceType]
		if fault == nil || errors.Is(fault, catalog.ErrNoTable) {
			continue
		}
		var one *catalog.UnreadableError
		if errors.As(fault, &one) && one.Privilege != "" {
			lacking, _ := one.Privileges()
			privileges = append(privileges, lacking...)
		}
		unreadable = append(unreadable, fmt.Sprintf("%s (%v)", resourceType, fault))
	}
	switch {
	case len(unreadable) > 0:
		return Finding{Subject: Tables, Level: Failure, Text: "cannot be read: " + strings.Join(unreadable, "; "),
			Remedies: catalog.Grants(slices.Compact(slices.Sorted(slices.Values(privileges))), s.role)}
	case len(s.tables) == 0:
		return Failed(Tables, source.ErrNoTables)
	}
	return ok(Tables, "%d %s can be read", len(s.tables), english.PluralWord(len(s.tables), "resource type", ""))
}

// history says of which types deletions are listed.
func (s *Survey) history() Finding {
	var without, faults, privileges []string
	for _, table := range s.tables {
		switch {
		case !table.HistoryExists:
			without = append(without, table.Type)
			continue
		case !table.HasHistory:
			faults = append(faults, fmt.Sprintf("%s (%s)", table.Type, table.HistoryFault))
		case !table.HasVersions:
			faults = append(faults, fmt.Sprintf("%s, for Groups and single patients (%s)", table.Type, table.VersionsFault))
		}
		if table.HistoryPrivilege != "" {
			privileges = append(privileges, table.HistoryPrivilege)
		}
	}
	switch {
	case len(faults) > 0:
		return Finding{Subject: Deletions, Level: Warning, Text: "cannot be listed: " + strings.Join(faults, "; "), Remedies: catalog.Grants(privileges, s.role)}
	case len(without) > 0:
		return ok(Deletions, "listed, but for types without a history table: %s", strings.Join(without, ", "))
	}
	return ok(Deletions, "listed for all types")
}
