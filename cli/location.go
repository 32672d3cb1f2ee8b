package cli

import (
	"context"
	"fmt"
	"text/tabwriter"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/location"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/storage"
)

type locationCommand struct {
	Show   locationShowCommand   `cmd:"" default:"withargs" help:"Show the recorded location and the one of these settings."`
	Record locationRecordCommand `cmd:"" help:"Record the location of these settings after a move. Running exports restart there."`
}

type locationShowCommand struct{ locationSettings }

// Run shows the recorded location and the one of the settings.
func (cmd *locationShowCommand) Run(ctx context.Context, out *output) error {
	return cmd.with(ctx, func(state *pgxpool.Pool, own location.Location) error {
		return showLocation(ctx, out, state, own)
	})
}

type locationRecordCommand struct{ locationSettings }

// Run replaces the recorded location.
func (cmd *locationRecordCommand) Run(ctx context.Context, out *output) error {
	return cmd.with(ctx, func(state *pgxpool.Pool, own location.Location) error {
		if err := showLocation(ctx, out, state, own); err != nil {
			return err
		}
		moved, err := location.Record(ctx, state, own)
		if err != nil {
			return err
		}
		message := "unchanged"
		if moved {
			message = "recorded. Restart processes that have other settings. Files of completed exports are not moved."
		}
		_, err = fmt.Fprintln(out.stdout, message)
		return err
	})
}

// locationSettings are the settings that a location consists of.
type locationSettings struct {
	databases
	storageSettings
}

// Validate validates each group.
func (s *locationSettings) Validate() error { return validate(&s.databases, &s.storageSettings) }

// with runs do with the state database and the location of the settings.
func (s *locationSettings) with(ctx context.Context, do func(*pgxpool.Pool, location.Location) error) error {
	bucket, err := s.open(nil)
	if err != nil {
		return err
	}
	defer bucket.Close()
	return withState(ctx, &s.stateSettings, func(state *pgxpool.Pool) error {
		from, err := s.sourceSettings.open(ctx, nil, 1, 0, nil)
		if err != nil {
			return err
		}
		defer from.Close()
		if err := from.Ping(ctx); err != nil {
			return fmt.Errorf("%s: %w", setting("source-url"), err)
		}
		own, err := findLocation(ctx, from, bucket, s.Tables)
		if err != nil {
			return fmt.Errorf("%s: %w", setting("source-url"), err)
		}
		return do(state, own)
	})
}

func showLocation(ctx context.Context, out *output, state *pgxpool.Pool, own location.Location) error {
	recorded, version, err := location.Read(ctx, state)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "\tRECORDED\tSETTINGS\t")
	for _, v := range location.Compare(recorded, own) {
		note := ""
		if version != 0 && v.Differs() {
			note = "differs"
		}
		_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", v.Name, v.Recorded, v.Own, note)
	}
	if err := table.Flush(); err != nil || version != 0 {
		return err
	}
	_, err = fmt.Fprintln(out.stdout, "none recorded yet: the first process that starts records its own")
	return err
}

// findLocation returns the current location of a source and a bucket.
func findLocation(ctx context.Context, from *source.Source, bucket *storage.Bucket, mappings []catalog.Mapping) (location.Location, error) {
	id, err := from.Identity(ctx)
	if err != nil {
		return location.Location{}, err
	}
	at := bucket.Location()
	return location.Location{
		SystemIdentifier: id.SystemIdentifier,
		Database:         id.Database,
		Schema:           id.Schema,
		Tables:           catalog.MappingText(mappings),
		Endpoint:         at.Endpoint,
		Bucket:           at.Bucket,
		Prefix:           at.Prefix,
	}, nil
}
