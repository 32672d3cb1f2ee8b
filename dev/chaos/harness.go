package chaos

import (
	"context"
	"errors"
	"fmt"
	"net/url"
	"os"
	"sync"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/seed-90096f4d/sluice/dev/product"
	"github.com/seed-90096f4d/sluice/dev/s3"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

const (
	workerCount = 3
	clientID    = "chaos"
	secret      = "secret"
	// readyTimeout is the maximum time for what should happen soon.
	readyTimeout = 2 * time.Minute
	// statePrefix and its name identify a worker's sessions on the state database.
	statePrefix = "sluice "
	// sourceSetting begins the setting of the source database.
	sourceSetting = "SLUICE_SOURCE_URL="
)

// harness consists of the servers, the product's processes, and the writers.
type harness struct {
	stand       *stand.Stand
	proxy       *proxy
	db          *pgxpool.Pool   // the primary: the state, and the data that the writers change
	sources     []*pgxpool.Pool // what the product reads: the primary, or standbys
	objects     *minio.Client
	bucketURL   string // through the proxy
	program     product.Program
	api         *product.Service
	client      product.Client
	workers     []*product.Service
	stopWriters func()
}

// openHarness starts servers, product and writers.
func openHarness(ctx context.Context, opts Options) (*harness, error) {
	stand, err := stand.Start(ctx, stand.Options{Log: os.Stderr})
	if err != nil {
		return nil, err
	}
	h := &harness{stand: stand, stopWriters: func() {}, program: product.Program{Path: opts.Program, LogDir: opts.LogDir}}
	if err := h.open(ctx); err != nil {
		return nil, errors.Join(err, h.close())
	}
	return h, nil
}

func (h *harness) open(ctx context.Context) (err error) {
	bucket, err := url.Parse(h.stand.S3URL())
	if err != nil {
		return err
	}
	if h.proxy, err = startProxy(ctx, bucket.Host); err != nil {
		return err
	}
	password, _ := bucket.User.Password()
	h.objects, err = minio.New(bucket.Host, &minio.Options{Creds: credentials.NewStaticV4(bucket.User.Username(), password, ""), Region: s3.Region})
	if err != nil {
		return fmt.Errorf("create an S3 client: %w", err)
	}
	bucket.Host = h.proxy.address
	h.bucketURL = bucket.String()
	if h.db, err = connect(ctx, h.stand.DatabaseURL()); err != nil {
		return err
	}
	h.sources = []*pgxpool.Pool{h.db}
	if err := createData(ctx, h.db); err != nil {
		return err
	}
	if err := h.startProduct(ctx); err != nil {
		return err
	}
	return h.startWriters(ctx)
}

// connect opens connections of this package. They are named as Sluice's readers, which
// Sluice ignores when it looks for open transactions.
func connect(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	pool, err := pgxpool.New(ctx, databaseURL+"&pool_max_conns=20&application_name=chaos"+url.PathEscape(" (sluice reader)"))
	if err != nil {
		return nil, fmt.Errorf("connect to the database: %w", err)
	}
	return pool, nil
}

func (h *harness) startProduct(ctx context.Context) error {
	database, err := url.Parse(h.stand.DatabaseURL())
	if err != nil {
		return err
	}
	source, stateSetting := sourceSetting+database.String(), "SLUICE_STATE_URL="+database.String()
	h.program.Env = append(os.Environ(), stateSetting, "SLUICE_S3_URL="+h.bucketURL,
		"SLUICE_PART_SIZE=128KiB", "SLUICE_MAX_FILE_SIZE=64KiB", "SLUICE_SLOTS=2", "SLUICE_LOG_FORMAT=text")
	for _, args := range [][]string{{"migrate"}, {"client", "add", clientID, "--secret", secret, "--scope", "system/*.rs"}} {
		if _, err := h.program.Run(ctx, args...); err != nil {
			return err
		}
	}
	h.api = h.program.Service("api", "api", source)
	if _, err := h.api.Listen(0); err != nil {
		return err
	}
	h.client = product.Client{URL: h.api.URL, ID: clientID, Secret: secret}
	for i := range workerCount {
		name := workerName(i)
		database.User = url.UserPassword(name, name)
		h.workers = append(h.workers, h.program.Service(name, "worker", sourceSetting+database.String(),
			stateSetting+"&application_name="+url.PathEscape(statePrefix+name)))
	}
	// One worker reads jsonb as text, the others in its stored form. Their parts belong to
	// the same exports.
	h.workers[0].Env = append(h.workers[0].Env, "SLUICE_JSONB=text")
	if err := h.revive(); err != nil {
		return err
	}
	return h.api.WaitReady(ctx)
}

// workerName is the name of a worker, and of its role in the source.
func workerName(i int) string { return fmt.Sprintf("worker_%d", i+1) }

// worker returns the worker with a name.
func (h *harness) worker(name string) (*product.Service, error) {
	for _, w := range h.workers {
		if w.Name == name {
			return w, nil
		}
	}
	return nil, fmt.Errorf("there is no worker %q", name)
}

// revive starts the processes that are not running. The error names those that exited
// without being stopped.
func (h *harness) revive() error {
	err := h.api.Revive()
	for _, worker := range h.workers {
		err = errors.Join(err, worker.Revive())
	}
	return err
}

func (h *harness) startWriters(ctx context.Context) error {
	config := h.db.Config()
	config.ConnConfig.RuntimeParams["application_name"] = "chaos writer"
	pool, err := pgxpool.NewWithConfig(ctx, config)
	if err != nil {
		return fmt.Errorf("connect the writers: %w", err)
	}
	stop := background(ctx, func(ctx context.Context) { write(ctx, pool) })
	h.stopWriters = func() { stop(); pool.Close() }
	return nil
}

// background runs functions until stop is called.
func background(ctx context.Context, functions ...func(context.Context)) (stop func()) {
	ctx, cancel := context.WithCancel(ctx)
	var running sync.WaitGroup
	for _, run := range functions {
		running.Go(func() { run(ctx) })
	}
	return func() { cancel(); running.Wait() }
}

func (h *harness) close() (err error) {
	h.stopWriters()
	for _, worker := range h.workers {
		worker.Kill()
	}
	if h.api != nil {
		h.api.Kill()
	}
	if h.db != nil {
		h.db.Close()
	}
	if h.proxy != nil {
		err = h.proxy.close()
	}
	h.stand.S3.Kill() // Stop would wait for idle connections
	return errors.Join(err, h.stand.Stop())
}
