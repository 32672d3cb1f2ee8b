package cli

import (
	"context"
	"errors"
	"log/slog"
	"slices"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source/catalog"
)

// reportTables warns of what exports will lack: tables that cannot be read, and
// deletions that are not known. The operator can change that while the process runs.
func (s *service) reportTables(ctx context.Context) {
	s.report(ctx, slog.LevelWarn, "mapped types unknown to FHIR R4", s.unknownMapped())
	if err := s.source.CheckTables(ctx); err != nil {
		s.logger.WarnContext(ctx, "nothing to export", "error", err)
		return
	}
	types := append(slices.Clone(fhir.R4().ResourceTypes()), ndjson.AttributeType)
	tables, faults, err := s.source.Survey(ctx, types)
	if err != nil {
		s.logger.WarnContext(ctx, "could not check tables", "error", err)
		return
	}
	var unreadable []string
	for _, resourceType := range types {
		if fault := faults[resourceType]; fault != nil && !errors.Is(fault, catalog.ErrNoTable) {
			unreadable = append(unreadable, resourceType+": "+fault.Error())
		}
	}
	s.report(ctx, slog.LevelWarn, "tables cannot be read", unreadable)

	var missing, deletions, versions []string
	for _, table := range tables {
		switch {
		case table.Type == ndjson.AttributeType:
		case !table.HistoryExists:
			missing = append(missing, table.Type)
		case !table.HasHistory:
			deletions = append(deletions, table.Type+": "+table.HistoryFault)
		case !table.HasVersions:
			versions = append(versions, table.Type+": "+table.VersionsFault)
		}
	}
	s.report(ctx, slog.LevelWarn, "deletions cannot be listed", deletions)
	s.report(ctx, slog.LevelWarn, "deletions cannot be listed for Groups and single patients", versions)
	s.report(ctx, slog.LevelInfo, "deletions are not recorded: no history table", missing)
}

// unknownMapped returns the mapped types that FHIR R4 does not define: types of Aidbox,
// or misspelled ones.
func (s *service) unknownMapped() (types []string) {
	for _, m := range s.mappings {
		if !slices.Contains(fhir.R4().ResourceTypes(), m.Type) {
			types = append(types, m.Type)
		}
	}
	return types
}

// report logs the types, if there are any.
func (s *service) report(ctx context.Context, level slog.Level, message string, types []string) {
	if len(types) > 0 {
		s.logger.Log(ctx, level, message, "types", types)
	}
}
