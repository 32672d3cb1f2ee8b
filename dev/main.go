// Command dev runs Sluice's local stand, a private PostgreSQL and a private S3 server, and
// in it the product with sample data, the tests, or any command.
// The Makefile in the root of the repository calls it.
//
// It is a Go module of its own, so that its dependencies never reach the product,
// and it knows the product only by its command line and its settings.
package main

import (
	"context"
	"errors"
	"fmt"
	"os"
	"os/signal"
	"path/filepath"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/s3"
)

type commands struct {
	Run   runCommand   `cmd:"" help:"Run Sluice with sample data until Ctrl-C."`
	Test  testCommand  `cmd:"" help:"Run the tests of both modules in a temporary stand."`
	Exec  execCommand  `cmd:"" help:"Run a shell command in a temporary stand."`
	Chaos chaosCommand `cmd:"" help:"Inject faults while Sluice exports, and check the files."`
	Bench benchCommand `cmd:"" help:"Compare the speed of Sluice with COPY, and with psql and gzip."`

	Dashboards dashboardsCommand `cmd:"" help:"Generate the dashboards in deploy/grafana."`
}

func main() {
	s3.ServeIfGateway()

	if err := process.EndWithParent(); err != nil {
		fail(err)
	}
	release := takeTerminal()
	err := run()
	release()
	if err != nil {
		fail(err)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// A second Ctrl-C ends this process at once, and the kernel ends its children.
	context.AfterFunc(ctx, stop)

	root, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find the repository's root: %w", err)
	}
	if _, err := os.Stat("dev/go.mod"); err != nil {
		return errors.New("run this in the root of Sluice's repository, as make does")
	}
	var parsed commands
	return kong.Parse(&parsed,
		kong.Name("stand"),
		kong.Description("Sluice's local stand."),
		kong.UsageOnError(),
		kong.BindTo(ctx, (*context.Context)(nil)),
		kong.Bind(repository(root)),
	).Run()
}

// repository is the absolute path of the repository's root.
type repository string

// program returns the path of the built product.
func (r repository) program() string { return filepath.Join(string(r), "bin", "sluice") }

// logDir creates an empty directory for the logs of a command.
func (r repository) logDir(command string) (string, error) {
	dir := filepath.Join(string(r), ".tools", command)
	if err := os.RemoveAll(dir); err != nil {
		return "", fmt.Errorf("remove old logs: %w", err)
	}
	if err := os.MkdirAll(dir, 0o755); err != nil {
		return "", fmt.Errorf("create a directory for the logs: %w", err)
	}
	return dir, nil
}

// exitError is the exit code of a command that ran in the stand and has printed its own
// error.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// fail exits with the command's code, with the code of a Ctrl-C, or with an error message.
func fail(err error) {
	var code exitError
	switch {
	case errors.As(err, &code):
		if err.Error() != code.Error() {
			_, _ = fmt.Fprintf(os.Stderr, "stand: %v\n", err)
		}
		os.Exit(int(code))
	case errors.Is(err, context.Canceled):
		os.Exit(128 + int(syscall.SIGINT))
	default:
		_, _ = fmt.Fprintf(os.Stderr, "stand: %v\n", err)
		os.Exit(1)
	}
}
