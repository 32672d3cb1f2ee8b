package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/url"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/dev/postgres"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

// standbyMargin is the longest duration of a transaction that the product assumes:
// longer than those of the writers and of the late one, and shorter than the age of the
// data, so that a chained export does not contain everything.
const standbyMargin = "SLUICE_SOURCE_COMMIT_MARGIN=20s"

// An export dates back by the margin at least, counted from when its snapshot
// was taken, which is a little later than the kick-off.
const carelessSQL = `
SELECT count(*) FROM sluice.export
WHERE created_at > $1 AND transaction_time > created_at - interval '15 s'`

// chainOnStandby is chain where the product reads from a hot standby and keeps
// its state in the primary.
func (f *field) chainOnStandby(ctx context.Context) (outcome, error) {
	begun := time.Now()
	return f.onStandby(ctx, []string{standbyMargin}, func(*postgres.Server) (outcome, error) {
		o, err := f.chain(ctx)
		if err != nil {
			return o, err
		}
		var careless int
		if err := f.db.QueryRow(ctx, carelessSQL, begun).Scan(&careless); err != nil {
			return o, fmt.Errorf("look at transactionTime: %w", err)
		}
		if careless > 0 {
			return o, fmt.Errorf("%d exports have a transactionTime without the margin", careless)
		}
		return o, nil
	})
}

// conflictOnStandby makes the standby end all sessions that still see rows removed on
// the primary, once, in the middle of an export. The export has to restart.
func (f *field) conflictOnStandby(ctx context.Context) (o outcome, err error) {
	// Slow, so that there is a middle.
	settings := []string{standbyMargin, "SLUICE_READ_BYTES_PER_SECOND=256KiB"}
	return f.onStandby(ctx, settings, func(standby *postgres.Server) (outcome, error) {
		o, err := f.strike(ctx, fault{strike: func(ctx context.Context, e *export) error {
			if err := e.untilShare(ctx, 0.1); err != nil {
				return err
			}
			return e.conflict(ctx, standby)
		}})
		if err == nil && o.generations < 2 {
			err = errors.New("the export was not begun anew")
		}
		return o, err
	})
}

// onStandby runs do while the product reads from a hot standby of its own.
func (f *field) onStandby(ctx context.Context, settings []string, do func(*postgres.Server) (outcome, error)) (o outcome, err error) {
	standby, remove, err := f.stand.StartStandby(ctx, "standby")
	if err != nil {
		return o, err
	}
	defer func() { err = errors.Join(err, remove()) }()
	data, err := connect(ctx, standby.URL(stand.Database))
	if err != nil {
		return o, err
	}
	defer data.Close()
	f.data = []*pgxpool.Pool{data}
	defer func() { f.data = []*pgxpool.Pool{f.db} }()

	restore, err := f.readFrom(ctx, standby.Port, settings)
	defer func() { err = errors.Join(err, restore()) }()
	if err != nil {
		return o, err
	}
	return do(standby)
}

// readFrom restarts the product with another source, which listens on the port,
// and with these settings. restore restarts it as it was.
func (f *field) readFrom(ctx context.Context, port int, settings []string) (restore func() error, err error) {
	all := append([]*service{f.api}, f.workers...)
	former := make([][]string, len(all))
	for i, s := range all {
		former[i] = s.env
	}
	restore = func() error {
		var errs []error
		for i, s := range all {
			s.env = former[i]
			errs = append(errs, s.restart())
		}
		return errors.Join(errs...)
	}
	for _, s := range all {
		source, err := s.sourceAt(port)
		if err != nil {
			return restore, err
		}
		s.env = append(append(s.env[:len(s.env):len(s.env)], settings...), source) // the last of a name counts
		if err := s.restart(); err != nil {
			return restore, err
		}
	}
	return restore, f.untilReady(ctx)
}

// sourceAt is the setting for the same source on another port.
func (s *service) sourceAt(port int) (string, error) {
	for _, setting := range s.env {
		address, found := strings.CutPrefix(setting, sourceSetting)
		if !found {
			continue
		}
		u, err := url.Parse(address)
		if err != nil {
			return "", fmt.Errorf("read the source's address: %w", err)
		}
		u.Host = net.JoinHostPort(u.Hostname(), strconv.Itoa(port))
		return sourceSetting + u.String(), nil
	}
	return "", fmt.Errorf("%s has no source", s.name)
}

const (
	positionSQL = `SELECT pg_current_wal_lsn()::text`

	replayedSQL = `SELECT NOT pg_is_in_recovery() OR pg_last_wal_replay_lsn() >= $1::pg_lsn`
)

// untilReplayed waits until what the product reads shows all that was committed.
func (f *field) untilReplayed(ctx context.Context) error {
	var position string
	if err := f.db.QueryRow(ctx, positionSQL).Scan(&position); err != nil {
		return fmt.Errorf("ask for the log's end: %w", err)
	}
	return until(ctx, readyPatience, "the standby to come after", func(ctx context.Context) (there bool, err error) {
		err = f.data[0].QueryRow(ctx, replayedSQL, position).Scan(&there)
		return there, err
	})
}

// conflict makes the standby end the export's sessions, and then do so no more.
func (e *export) conflict(ctx context.Context, standby *postgres.Server) error {
	before, err := e.stage(ctx)
	if err != nil {
		return err
	}
	if err := configure(ctx, standby, "hot_standby_feedback = off", "max_standby_streaming_delay = 0"); err != nil {
		return err
	}
	_, err = e.untilStage(ctx, readyPatience, "the export to lose its snapshot", func(now stage) bool {
		for _, kind := range kinds {
			_, err := e.field.db.Exec(ctx, "VACUUM "+strings.ToLower(kind.name))
			if err != nil {
				return false
			}
		}
		return now.generation > before.generation
	})
	return errors.Join(err, configure(ctx, standby, "hot_standby_feedback = on", "max_standby_streaming_delay = -1"))
}

// configure changes settings of a running server.
func configure(ctx context.Context, server *postgres.Server, settings ...string) error {
	for _, setting := range settings {
		if err := server.Exec(ctx, "postgres", "ALTER SYSTEM SET "+setting); err != nil {
			return err
		}
	}
	return server.Exec(ctx, "postgres", "SELECT pg_reload_conf()")
}
