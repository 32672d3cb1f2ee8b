package chaos

import (
	"context"
	"errors"
	"fmt"
	"net"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"strconv"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/minio/minio-go/v7"
	"github.com/minio/minio-go/v7/pkg/credentials"

	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/stand"
)

const (
	workerCount = 3
	clientID    = "chaos"
	secret      = "secret"
	// readyPatience is how long what should happen soon may take.
	readyPatience = 2 * time.Minute
	pollPause     = 10 * time.Millisecond
	// statePrefix and its name is what a worker's sessions of the state are
	// called.
	statePrefix = "sluice "
	// sourceSetting begins the setting that says which server to read.
	sourceSetting = "SLUICE_SOURCE_URL="
)

// field is where it all happens: the servers, the product's processes, and who
// writes meanwhile.
type field struct {
	stand   *stand.Stand
	proxy   *proxy
	db      *pgxpool.Pool   // the primary: the state, and what the writers change
	data    []*pgxpool.Pool // what the product reads: the same, or standbys
	objects *minio.Client
	api     *service
	base    string // the API's address
	workers []*service
	stop    func() // ends the writers
}

// openField starts servers, product and writers.
func openField(ctx context.Context, opts Options) (*field, error) {
	place, err := stand.Start(ctx, stand.Options{Log: os.Stderr})
	if err != nil {
		return nil, err
	}
	f := &field{stand: place, stop: func() {}}
	if err := f.open(ctx, opts); err != nil {
		return nil, errors.Join(err, f.close())
	}
	return f, nil
}

func (f *field) open(ctx context.Context, opts Options) (err error) {
	bucket, err := url.Parse(f.stand.S3URL())
	if err != nil {
		return fmt.Errorf("read the bucket's address: %w", err)
	}
	if f.proxy, err = startProxy(ctx, bucket.Host); err != nil {
		return err
	}
	key := bucket.User
	password, _ := key.Password()
	f.objects, err = minio.New(bucket.Host, &minio.Options{Creds: credentials.NewStaticV4(key.Username(), password, ""), Region: "us-east-1"})
	if err != nil {
		return fmt.Errorf("reach the bucket: %w", err)
	}
	if f.db, err = connect(ctx, f.stand.DatabaseURL()); err != nil {
		return err
	}
	f.data = []*pgxpool.Pool{f.db}
	if err := layOut(ctx, f.db, workerCount); err != nil {
		return err
	}
	bucket.Host = f.proxy.address
	env := append(os.Environ(),
		"SLUICE_STATE_URL="+f.stand.DatabaseURL(), "SLUICE_S3_URL="+bucket.String(),
		"SLUICE_PART_SIZE=128KiB", "SLUICE_MAX_FILE_SIZE=64KiB", "SLUICE_SLOTS=2", "SLUICE_LOG_FORMAT=text")
	if err := f.startProduct(ctx, opts, env); err != nil {
		return err
	}
	f.startWriters(ctx)
	return nil
}

// connect opens connections of this package's own. Past the sessions that Sluice
// marks as its readers it looks for open transactions, and these are no writers.
func connect(ctx context.Context, databaseURL string) (*pgxpool.Pool, error) {
	pool, err := pgxpool.New(ctx, databaseURL+"&pool_max_conns=20&application_name=chaos"+url.PathEscape(" (sluice reader)"))
	if err != nil {
		return nil, fmt.Errorf("reach the database: %w", err)
	}
	return pool, nil
}

func (f *field) startProduct(ctx context.Context, opts Options, env []string) error {
	for _, args := range [][]string{{"migrate"}, {"client", "add", clientID, "--secret", secret, "--scope", "system/*.rs"}} {
		cmd := exec.CommandContext(ctx, opts.Program, args...)
		cmd.Env = env
		if out, err := cmd.CombinedOutput(); err != nil {
			return fmt.Errorf("sluice %s: %w\n%s", args[0], err, strings.TrimSpace(string(out)))
		}
	}
	port, err := process.FreePort(0)
	if err != nil {
		return err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	f.base = "http://" + address
	f.api = &service{
		name: "api", program: opts.Program, command: "api", log: logFile(opts.LogDir, "api"),
		env: append(env[:len(env):len(env)], sourceSetting+f.stand.DatabaseURL(), "SLUICE_LISTEN="+address),
	}
	for i := range workerCount {
		name := workerName(i)
		from, err := url.Parse(f.stand.DatabaseURL())
		if err != nil {
			return fmt.Errorf("read the database's address: %w", err)
		}
		from.User = url.UserPassword(name, name)
		f.workers = append(f.workers, &service{
			name: name, program: opts.Program, command: "worker", log: logFile(opts.LogDir, name),
			env: append(env[:len(env):len(env)], sourceSetting+from.String(),
				"SLUICE_STATE_URL="+f.stand.DatabaseURL()+"&application_name="+url.PathEscape(statePrefix+name)),
		})
	}
	if err := f.revive(); err != nil {
		return err
	}
	return f.untilReady(ctx)
}

// untilReady waits until the API says that all it needs is there.
func (f *field) untilReady(ctx context.Context) error {
	return until(ctx, readyPatience, "sluice to become ready", func(ctx context.Context) (bool, error) {
		answer, err := f.ask(ctx, http.MethodGet, f.base+"/ready")
		if err != nil {
			return false, err
		}
		return answer.StatusCode == http.StatusOK, answer.Body.Close()
	})
}

// revive starts the processes that are not running. The error names those that exited
// without being stopped.
func (f *field) revive() error {
	var errs []error
	for _, s := range append([]*service{f.api}, f.workers...) {
		if s.runs() {
			continue
		}
		if s.child != nil && !s.ended {
			errs = append(errs, fmt.Errorf("%s has ended by itself with code %d", s.name, process.ExitCode(s.child.Err())))
		}
		errs = append(errs, s.start())
	}
	return errors.Join(errs...)
}

func (f *field) startWriters(ctx context.Context) {
	config := f.db.Config()
	config.ConnConfig.RuntimeParams["application_name"] = "chaos writer"
	ctx, cancel := context.WithCancel(ctx)
	done := make(chan struct{})
	go func() {
		defer close(done)
		pool, err := pgxpool.NewWithConfig(ctx, config)
		if err != nil {
			return // only a wrong configuration fails
		}
		defer pool.Close()
		write(ctx, pool)
	}()
	f.stop = func() { cancel(); <-done }
}

// worker finds a worker by its name.
func (f *field) worker(name string) (*service, error) {
	for _, w := range f.workers {
		if w.name == name {
			return w, nil
		}
	}
	return nil, fmt.Errorf("there is no worker %q", name)
}

func (f *field) close() error {
	f.stop()
	for _, s := range f.workers {
		s.kill()
	}
	if f.api != nil {
		f.api.kill()
	}
	if f.db != nil {
		f.db.Close()
	}
	var err error
	if f.proxy != nil {
		err = f.proxy.close()
	}
	f.stand.KillS3() // it would wait for idle connections
	return errors.Join(err, f.stand.Stop())
}

// ask sends a request as the client.
func (f *field) ask(ctx context.Context, method, url string) (*http.Response, error) {
	request, err := http.NewRequestWithContext(ctx, method, url, http.NoBody)
	if err != nil {
		return nil, err
	}
	request.SetBasicAuth(clientID, secret)
	request.Header.Set("Prefer", "respond-async")
	return http.DefaultClient.Do(request)
}

// until polls check until it reports true or patience is over. An error counts as false,
// since a server may be down; the last one is part of the error of until.
func until(ctx context.Context, patience time.Duration, what string, check func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, patience)
	defer cancel()
	tick := time.NewTicker(pollPause)
	defer tick.Stop()
	var last error
	for {
		yes, err := check(ctx)
		if yes && err == nil {
			return nil
		}
		if err != nil && ctx.Err() == nil {
			last = err
		}
		select {
		case <-ctx.Done():
			return errors.Join(fmt.Errorf("waited in vain for %s: %w", what, ctx.Err()), last)
		case <-tick.C:
		}
	}
}
