// Command dev runs Sluice's local stand: a private PostgreSQL and a private S3
// server, and in it the product with sample data, the tests, or any command.
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
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/seed-90096f4d/sluice/dev/process"
	"github.com/seed-90096f4d/sluice/dev/s3"
)

type commands struct {
	Run   runCommand   `cmd:"" help:"Run Sluice with sample data until Ctrl-C."`
	Test  testCommand  `cmd:"" help:"Run the tests of both modules in a throw-away stand."`
	Exec  execCommand  `cmd:"" help:"Run a shell command in a throw-away stand."`
	Chaos chaosCommand `cmd:"" help:"Let things go wrong while Sluice exports."`
	Bench benchCommand `cmd:"" help:"Measure Sluice against COPY, and against doing without it."`
}

func main() {
	s3.ServeIfGateway()

	if err := process.EndWithParent(); err != nil {
		fail(err)
	}
	giveBack := takeTerminal()
	err := run()
	giveBack()
	if err != nil {
		fail(err)
	}
}

func run() error {
	ctx, stop := signal.NotifyContext(context.Background(), syscall.SIGINT, syscall.SIGTERM, syscall.SIGHUP)
	defer stop()
	// A second Ctrl-C ends this process at once, and the kernel the others.
	context.AfterFunc(ctx, stop)

	root, err := os.Getwd()
	if err != nil {
		return fmt.Errorf("find the repository's root: %w", err)
	}
	if _, err := os.Stat("dev/go.mod"); err != nil {
		return errors.New("run this at the root of Sluice's repository; make does")
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

// exitError is the exit code of a command that ran in the stand and has
// already said all there is to say.
type exitError int

func (e exitError) Error() string { return fmt.Sprintf("exit code %d", int(e)) }

// fail ends the program: with the command's code, with the code of a Ctrl-C,
// or with a sentence.
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
