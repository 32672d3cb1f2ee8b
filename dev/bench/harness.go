package bench

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"os/exec"
	"strconv"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/dev/postgres"
	"github.com/seed-90096f4d/sluice/dev/product"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

const (
	clientID = "bench"
	secret   = "secret"
)

// harness consists of the servers, the data and the product.
type harness struct {
	opts    Options
	stand   *stand.Stand
	db      *pgxpool.Pool
	psql    string // the path of the program
	duckDB  string // the folder of its script; empty if it is not available
	tables  []Table
	program product.Program
	client  product.Client
	api     *product.Service
	// single is an API that reads each dump with one connection.
	single *product.Service
	worker *product.Service
	slots  int // of the worker
}

// openHarness starts the servers, creates the data and starts the product.
func openHarness(ctx context.Context, opts Options) (*harness, error) {
	stand, err := stand.Start(ctx, stand.Options{Log: opts.Log, Postgres: serverSettings(opts.Size)})
	if err != nil {
		return nil, err
	}
	h := &harness{opts: opts, stand: stand}
	if err := h.open(ctx); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

// The shared buffers hold the data up to a limit, as an operator would configure it.
const (
	minBuffers = 128 << 20
	maxBuffers = 2 << 30
)

// serverSettings returns additional settings of PostgreSQL. They keep background work out of
// the rounds.
func serverSettings(size int64) []string {
	buffers := min(max(2*size, minBuffers), maxBuffers)
	return []string{
		fmt.Sprintf("shared_buffers=%dMB", buffers>>20),
		"autovacuum=off", "maintenance_work_mem=256MB", "max_wal_size=16GB", "checkpoint_timeout=1h",
		"wal_level=minimal", "max_wal_senders=0", postgres.SocketSetting,
	}
}

func (h *harness) open(ctx context.Context) (err error) {
	// Prefer the program itself to the slower script that Debian has on PATH.
	h.psql = h.stand.Postgres.Program("psql")
	if _, err := exec.LookPath(h.psql); err != nil {
		if h.psql, err = exec.LookPath("psql"); err != nil {
			return errors.New("there is no psql to compare with: install PostgreSQL's client")
		}
	}
	if h.duckDB, err = findDuckDB(ctx); err != nil {
		h.log("DuckDB is not available: %v", err)
		h.duckDB = ""
	}
	if h.db, err = pgxpool.New(ctx, h.stand.DatabaseURL()+"&pool_max_conns=4"); err != nil {
		return fmt.Errorf("connect to the database: %w", err)
	}
	if err := h.load(ctx); err != nil {
		return err
	}
	if err := h.survey(ctx); err != nil {
		return err
	}
	h.program = product.Program{Path: h.opts.Program, LogDir: h.opts.LogDir, Env: append(append(os.Environ(), h.stand.Settings()...),
		"SLUICE_JSONB="+h.opts.Form, "SLUICE_LOG_FORMAT=text", "SLUICE_MAX_EXPORTS_PER_CLIENT=0", "SLUICE_MAX_EXPORTS=0")}
	return h.startProduct(ctx)
}

// startProduct starts both APIs. The worker is started when its number of slots is known.
func (h *harness) startProduct(ctx context.Context) (err error) {
	if _, err := h.program.Run(ctx, "migrate"); err != nil {
		return err
	}
	if _, err := h.program.Run(ctx, "client", "add", clientID, "--secret", secret,
		"--dumps", "0", "--kick-offs", "0", "--requests", "0", "--scope", "system/*.rs", "--scope", "system/"+tenth+".rs", "--scope", "system/"+tiny+".rs"); err != nil {
		return err
	}
	h.api = h.program.Service("api", "api")
	h.single = h.program.Service("api-single", "api", "SLUICE_MAX_CONNECTIONS_PER_DUMP=1")
	for _, s := range []*product.Service{h.api, h.single} {
		if _, err := s.Listen(0); err != nil {
			return err
		}
		if err := s.Start(); err != nil {
			return err
		}
		if err := s.WaitReady(ctx); err != nil {
			return err
		}
	}
	h.client = product.Client{URL: h.api.URL, ID: clientID, Secret: secret}
	return nil
}

// useSlots starts a worker with a number of slots, unless it is running, and warms it up
// with a small export.
func (h *harness) useSlots(ctx context.Context, slots int) error {
	if h.worker != nil && h.slots == slots {
		return nil
	}
	if h.worker != nil {
		if err := h.worker.Stop(); err != nil {
			return err
		}
	}
	number := strconv.Itoa(slots)
	h.worker, h.slots = h.program.Service("worker-"+number, "worker", "SLUICE_SLOTS="+number), slots
	if err := h.worker.Start(); err != nil {
		return err
	}
	id, err := h.client.KickOff(ctx, url.Values{"_type": {small}})
	if err != nil {
		return err
	}
	if _, err := h.waitManifest(ctx, id); err != nil {
		return err
	}
	return h.remove(ctx, id)
}

func (h *harness) close() error {
	var errs []error
	for _, s := range []*product.Service{h.api, h.single, h.worker} {
		if s != nil {
			errs = append(errs, s.Stop())
		}
	}
	if h.db != nil {
		h.db.Close()
	}
	h.stand.S3.Kill() // Stop would wait for idle connections
	return errors.Join(append(errs, h.stand.Stop())...)
}
