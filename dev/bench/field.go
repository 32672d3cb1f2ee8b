package bench

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/exec"
	"path/filepath"
	"strings"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/dev/postgres"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

// field is where it all happens: the servers, the data and the product.
type field struct {
	opts     Options
	stand    *stand.Stand
	settings []string // of PostgreSQL
	db       *pgxpool.Pool
	psql     string // the program
	tables   []Table
	env      []string // of the product
	api      *service
	// single is an API that reads each dump with one connection.
	single *service
	worker *service
	slots  int // of the worker that runs
}

// openField starts the servers, makes the data and starts the product.
func openField(ctx context.Context, opts Options) (*field, error) {
	f := &field{opts: opts, settings: serverSettings(opts.Size)}
	place, err := stand.Start(ctx, stand.Options{Log: opts.Log, Postgres: f.settings})
	if err != nil {
		return nil, err
	}
	f.stand = place
	if err := f.open(ctx); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

// The shared buffers hold the data up to a limit, as an operator would configure it.
const (
	leastBuffers = 128 << 20
	mostBuffers  = 2 << 30
)

// serverSettings are what PostgreSQL gets besides the settings of every
// throw-away stand. Nothing should happen behind the scenes of a round.
func serverSettings(size int64) []string {
	buffers := min(max(2*size, leastBuffers), mostBuffers)
	return []string{
		fmt.Sprintf("shared_buffers=%dMB", buffers>>20),
		"autovacuum=off", "maintenance_work_mem=256MB", "max_wal_size=16GB", "checkpoint_timeout=1h",
		"wal_level=minimal", "max_wal_senders=0", postgres.SocketSetting,
	}
}

func (f *field) open(ctx context.Context) (err error) {
	if f.psql, err = findPSQL(f.stand); err != nil {
		return err
	}
	if f.db, err = pgxpool.New(ctx, f.stand.DatabaseURL()+"&pool_max_conns=4"); err != nil {
		return fmt.Errorf("reach the database: %w", err)
	}
	if err := f.load(ctx); err != nil {
		return err
	}
	if err := f.survey(ctx); err != nil {
		return err
	}
	f.env = append(append(os.Environ(), f.stand.Settings()...),
		"SLUICE_LOG_FORMAT=text", "SLUICE_MAX_EXPORTS_PER_CLIENT=0", "SLUICE_MAX_EXPORTS=0")
	return f.startProduct(ctx)
}

// findPSQL prefers the program itself to the script that Debian has on PATH,
// which takes its time to begin.
func findPSQL(place *stand.Stand) (string, error) {
	if beside := place.PostgresProgram("psql"); executable(beside) {
		return beside, nil
	}
	path, err := exec.LookPath("psql")
	if err != nil {
		return "", errors.New("there is no psql to compare with: install PostgreSQL's client")
	}
	return filepath.Abs(path)
}

func executable(path string) bool {
	_, err := exec.LookPath(path)
	return err == nil
}

func (f *field) close() error {
	var errs []error
	for _, s := range []*service{f.api, f.single, f.worker} {
		if s != nil {
			errs = append(errs, s.stop())
		}
	}
	if f.db != nil {
		f.db.Close()
	}
	f.stand.KillS3() // it would wait for idle connections
	return errors.Join(append(errs, f.stand.Stop())...)
}

// runProduct runs one of the product's commands to its end.
func (f *field) runProduct(ctx context.Context, args ...string) error {
	cmd := exec.CommandContext(ctx, f.opts.Program, args...)
	cmd.Env = f.env
	if out, err := cmd.CombinedOutput(); err != nil {
		return fmt.Errorf("sluice %s: %w\n%s", args[0], err, strings.TrimSpace(string(out)))
	}
	return nil
}
