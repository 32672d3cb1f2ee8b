package cli

import (
	"context"
	"errors"
	"fmt"
	"sync"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/location"
	"github.com/seed-90096f4d/sluice/migrations"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/catalog"
	"github.com/seed-90096f4d/sluice/storage"
)

type locationCommand struct {
	Show   locationShowCommand   `cmd:"" default:"withargs" help:"Show the recorded location and that of these settings."`
	Record locationRecordCommand `cmd:"" help:"Record that the location has moved to that of these settings. Running exports restart there."`
}

type locationShowCommand struct {
	databases
	storageSettings
}

// Run shows the recorded location beside that of the settings.
func (cmd *locationShowCommand) Run(ctx context.Context, out *output) error {
	return withLocation(ctx, &cmd.databases, &cmd.storageSettings, func(state *pgxpool.Pool, own location.Location) error {
		return showLocation(ctx, out, state, own)
	})
}

// Validate validates each group.
func (cmd *locationShowCommand) Validate() error {
	return validate(&cmd.databases, &cmd.storageSettings)
}

type locationRecordCommand struct {
	databases
	storageSettings
}

// Run replaces the recorded location.
func (cmd *locationRecordCommand) Run(ctx context.Context, out *output) error {
	return withLocation(ctx, &cmd.databases, &cmd.storageSettings, func(state *pgxpool.Pool, own location.Location) error {
		if err := showLocation(ctx, out, state, own); err != nil {
			return err
		}
		moved, err := location.Record(ctx, state, own)
		if err != nil {
			return err
		}
		message := "unchanged"
		if moved {
			message = "recorded: restart the processes that have other settings; files of completed exports are not moved"
		}
		_, err = fmt.Fprintln(out.stdout, message)
		return err
	})
}

// Validate validates each group.
func (cmd *locationRecordCommand) Validate() error {
	return validate(&cmd.databases, &cmd.storageSettings)
}

// withLocation runs do with the state database and the location of the settings.
func withLocation(ctx context.Context, db *databases, store *storageSettings, do func(*pgxpool.Pool, location.Location) error) error {
	bucket, err := store.open()
	if err != nil {
		return err
	}
	defer bucket.Close()
	state, err := db.stateSettings.open(ctx)
	if err != nil {
		return err
	}
	defer state.Close()
	if err := migrations.Check(ctx, state); err != nil {
		return err
	}
	from, err := db.sourceSettings.open(ctx, 1, 0)
	if err != nil {
		return err
	}
	defer from.Close()
	if err := from.Ping(ctx); err != nil {
		return fmt.Errorf("SLUICE_SOURCE_URL: %w", err)
	}
	own, err := findLocation(ctx, from, bucket, db.mappings())
	if err != nil {
		return fmt.Errorf("SLUICE_SOURCE_URL: %w", err)
	}
	return do(state, own)
}

func showLocation(ctx context.Context, out *output, state *pgxpool.Pool, own location.Location) error {
	recorded, version, err := location.Read(ctx, state)
	if err != nil {
		return err
	}
	table := tabwriter.NewWriter(out.stdout, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(table, "\tRECORDED\tOWN\t")
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

// findLocation returns which database the source is now, and where the bucket is.
func findLocation(ctx context.Context, from *source.Source, bucket *storage.Bucket, mappings []catalog.Mapping) (location.Location, error) {
	id, err := from.Identity(ctx)
	if err != nil {
		return location.Location{}, err
	}
	place := bucket.Location()
	return location.Location{
		SystemIdentifier: id.SystemIdentifier,
		Database:         id.Database,
		Schema:           id.Schema,
		Tables:           catalog.MappingText(mappings),
		Endpoint:         place.Endpoint,
		Bucket:           place.Bucket,
		Prefix:           place.Prefix,
	}, nil
}

// claimLocation compares the location of the process with the recorded one, and
// records it if it is the first.
func (s *service) claimLocation(ctx context.Context) error {
	own, err := findLocation(ctx, s.source, s.bucket, s.mappings)
	if err != nil {
		return err
	}
	if own.SystemIdentifier == "" {
		s.logger.WarnContext(ctx, "source server not identified: only the names of its database and schema are compared with those of other processes",
			"remedy", "GRANT EXECUTE ON FUNCTION pg_control_system() to the role of SLUICE_SOURCE_URL")
	}
	s.location, err = location.Claim(ctx, s.state, own)
	return err
}

// checkLocation compares the location, as it is now, with the recorded one.
func (s *service) checkLocation(ctx context.Context) error {
	own, err := findLocation(ctx, s.source, s.bucket, s.mappings)
	if err != nil {
		return err
	}
	return location.Check(ctx, s.state, own, s.location)
}

// checkMigrations compares the migrations of the state database with those of this
// version.
func (s *service) checkMigrations(ctx context.Context) error { return migrations.Check(ctx, s.state) }

const (
	// fitCache is how long a result of fitness is reused: it is asked before each
	// job, of which there can be hundreds a second.
	fitCache = time.Second

	// fitTimeout bounds the check.
	fitTimeout = 5 * time.Second
)

// fitness reports whether a process may take jobs. It is safe for concurrent use.
type fitness struct {
	checks []func(context.Context) error

	mu   sync.Mutex
	at   time.Time
	last error
}

// check returns why the process must not take jobs, as found within the last second,
// or nil. That a database can't be reached is no such reason: a job finds it out.
func (f *fitness) check(ctx context.Context) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	if !f.at.IsZero() && time.Since(f.at) < fitCache {
		return f.last
	}
	ctx, cancel := context.WithTimeout(context.WithoutCancel(ctx), fitTimeout) // the result is for other jobs, too
	defer cancel()
	f.last = nil
	for _, check := range f.checks {
		err := check(ctx)
		if errors.Is(err, location.ErrDiffers) {
			f.last = fmt.Errorf("%w: %w", jobs.ErrMoved, err)
		} else if errors.Is(err, migrations.ErrNewer) {
			f.last = fmt.Errorf("%w: %w", jobs.ErrNewer, err)
		}
		if f.last != nil {
			break
		}
	}
	f.at = time.Now()
	return f.last
}
