package main

import (
	"context"
	"errors"
	"fmt"
	"io"
	"net/http"
	"os"
	"os/exec"
	"strings"
	"syscall"
	"time"

	"github.com/seed-90096f4d/sluice/dev/process"
)

// The client that make run adds.
const (
	clientID     = "bulk-client"
	clientSecret = "secret"
	clientScope  = "system/*.rs"
)

const (
	stopSignal = syscall.SIGTERM
	// stopPatience leaves running dumps time to end.
	stopPatience  = 60 * time.Second
	readyPatience = time.Minute
	readyPause    = 50 * time.Millisecond
	tailLines     = 20
)

// product is the built program and the environment it runs in.
type product struct {
	path string
	env  []string
}

// run runs one command to its end and returns what it printed, which is part
// of the error as well.
func (p *product) run(ctx context.Context, args ...string) (string, error) {
	cmd := exec.CommandContext(ctx, p.path, args...)
	cmd.Env = p.env
	out, err := cmd.CombinedOutput()
	if err != nil {
		return "", fmt.Errorf("sluice %s: %w\n%s", args[0], err, strings.TrimSpace(string(out)))
	}
	return string(out), nil
}

// migrate brings the state database up to date. The stand's S3 server can have got
// another port since the last run, with the same objects.
func (p *product) migrate(ctx context.Context) error {
	if _, err := p.run(ctx, "migrate"); err != nil {
		return err
	}
	_, err := p.run(ctx, "location", "record")
	return err
}

// addClient adds the client of the printed commands unless it is there.
func (p *product) addClient(ctx context.Context) error {
	list, err := p.run(ctx, "client", "list")
	if err != nil {
		return err
	}
	for line := range strings.Lines(list) {
		if fields := strings.Fields(line); len(fields) > 0 && fields[0] == clientID {
			return nil
		}
	}
	_, err = p.run(ctx, "client", "add", clientID, "--secret", clientSecret, "--scope", clientScope)
	return err
}

// serve starts API and workers in one process that logs to a file.
func (p *product) serve(address, logFile string) (*process.Child, error) {
	if err := os.RemoveAll(logFile); err != nil {
		return nil, fmt.Errorf("start the log anew: %w", err)
	}
	log, err := process.OpenLog(logFile)
	if err != nil {
		return nil, err
	}
	defer func() { _ = log.Close() }() // the child has its own

	return process.Start(process.Spec{
		Path: p.path, Args: []string{"serve"},
		Env:    append(p.env, "SLUICE_LISTEN="+address, "SLUICE_BASE_URL=http://"+address),
		Stdout: log, Stderr: log,
		DeathSignal: syscall.SIGTERM,
	})
}

// untilReady waits until the product says that database, migrations and bucket
// are fine.
func untilReady(ctx context.Context, server *process.Child, url, log string) error {
	ctx, cancel := context.WithTimeout(ctx, readyPatience)
	defer cancel()

	tick := time.NewTicker(readyPause)
	defer tick.Stop()
	for {
		err := ready(ctx, url)
		if err == nil {
			return nil
		}
		select {
		case <-server.Done():
			return ended(log)
		case <-ctx.Done():
			return fmt.Errorf("sluice does not become ready: %w; its last words in %s:\n%s", err, log, process.Tail(log, 0, tailLines))
		case <-tick.C:
		}
	}
}

// ready asks once; the error holds what the product says is wrong.
func ready(ctx context.Context, url string) error {
	request, err := http.NewRequestWithContext(ctx, http.MethodGet, url, http.NoBody)
	if err != nil {
		return fmt.Errorf("ask whether it is ready: %w", err)
	}
	answer, err := http.DefaultClient.Do(request)
	if err != nil {
		return fmt.Errorf("ask whether it is ready: %w", err)
	}
	defer func() { _ = answer.Body.Close() }()
	if answer.StatusCode == http.StatusOK {
		return nil
	}
	body, err := io.ReadAll(io.LimitReader(answer.Body, 4096))
	return errors.Join(fmt.Errorf("it answers %s: %s", answer.Status, strings.TrimSpace(string(body))), err)
}

func ended(log string) error {
	return fmt.Errorf("sluice has ended; its last words in %s:\n%s", log, process.Tail(log, 0, tailLines))
}
