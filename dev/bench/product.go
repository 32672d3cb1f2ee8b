package bench

import (
	"context"
	"fmt"
	"net"
	"net/http"
	"path/filepath"
	"strconv"
	"syscall"
	"time"

	"github.com/seed-90096f4d/sluice/dev/process"
)

// The client that measures.
const (
	clientID = "bench"
	secret   = "secret"
)

const (
	readyPatience = 30 * time.Second
	stopPatience  = 60 * time.Second
	pollPause     = 10 * time.Millisecond
	statusPause   = 50 * time.Millisecond // an API answers so many polls only for a while
)

// service is one process of the product.
type service struct {
	child *process.Child
	base  string // the address of an API
}

func (s *service) stop() error { return s.child.Stop(syscall.SIGTERM, stopPatience) }

// startProduct starts two APIs, of which one reads a dump with one connection.
// The worker is started when it is known how many slots it should have.
func (f *field) startProduct(ctx context.Context) (err error) {
	if err := f.runProduct(ctx, "migrate"); err != nil {
		return err
	}
	if err := f.runProduct(ctx, "client", "add", clientID, "--secret", secret,
		"--dumps", "0", "--kick-offs", "0", "--requests", "0", "--scope", "system/*.rs", "--scope", "system/"+tenth+".rs", "--scope", "system/"+tiny+".rs"); err != nil {
		return err
	}
	if f.api, err = f.startAPI(ctx, "api"); err != nil {
		return err
	}
	f.single, err = f.startAPI(ctx, "api-single", "SLUICE_MAX_CONNECTIONS_PER_DUMP=1")
	return err
}

func (f *field) startAPI(ctx context.Context, name string, env ...string) (*service, error) {
	port, err := process.FreePort(0)
	if err != nil {
		return nil, err
	}
	address := net.JoinHostPort("127.0.0.1", strconv.Itoa(port))
	env = append(env, "SLUICE_LISTEN="+address)
	s, err := f.start(name, "api", env...)
	if err != nil {
		return nil, err
	}
	s.base = "http://" + address
	return s, f.until(ctx, name+" to become ready", func(ctx context.Context) (bool, error) {
		request, err := http.NewRequestWithContext(ctx, http.MethodGet, s.base+"/ready", http.NoBody)
		if err != nil {
			return false, err
		}
		answer, err := http.DefaultClient.Do(request)
		if err != nil {
			return false, nil //nolint:nilerr // it does not listen yet
		}
		return answer.StatusCode == http.StatusOK, answer.Body.Close()
	})
}

// start starts a command of the product that logs to a file of its name.
func (f *field) start(name, command string, env ...string) (*service, error) {
	log, err := openLog(filepath.Join(f.opts.LogDir, name+".log"))
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own
	child, err := process.Start(process.Spec{
		Path: f.opts.Program, Args: []string{command},
		Env:    append(f.env[:len(f.env):len(f.env)], env...),
		Stdout: log, Stderr: log,
	})
	if err != nil {
		return nil, err
	}
	return &service{child: child}, nil
}

// withSlots starts a worker with so many slots, unless it runs already, and
// lets it do something small, so that it is at work when it counts.
func (f *field) withSlots(ctx context.Context, slots int) error {
	if f.worker != nil && f.slots == slots {
		return nil
	}
	if f.worker != nil {
		stopped := f.worker
		f.worker = nil
		if err := stopped.stop(); err != nil {
			return err
		}
	}
	var err error
	if f.worker, err = f.start("worker-"+strconv.Itoa(slots), "worker", "SLUICE_SLOTS="+strconv.Itoa(slots)); err != nil {
		return err
	}
	f.slots = slots
	e, err := f.kickOff(ctx, small)
	if err != nil {
		return err
	}
	if _, err := e.untilManifest(ctx); err != nil {
		return err
	}
	return e.remove(ctx)
}

// until asks again and again until the answer is yes.
func (f *field) until(ctx context.Context, what string, check func(context.Context) (bool, error)) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()
	if err := poll(ctx, pollPause, check); err != nil {
		return fmt.Errorf("wait for %s: %w", what, err)
	}
	return nil
}

// poll asks until the answer is yes, an error, or ctx ends.
func poll(ctx context.Context, pause time.Duration, check func(context.Context) (bool, error)) error {
	tick := time.NewTicker(pause)
	defer tick.Stop()
	for {
		yes, err := check(ctx)
		if yes || err != nil {
			return err
		}
		select {
		case <-ctx.Done():
			return ctx.Err()
		case <-tick.C:
		}
	}
}
