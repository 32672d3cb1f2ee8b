package cli

import (
	"context"
	"errors"
	"fmt"
	"io/fs"
	"os"
	"time"

	"github.com/seed-90096f4d/sluice/fetch"
	"github.com/seed-90096f4d/sluice/fetch/login"
	store "github.com/seed-90096f4d/sluice/fetch/output"
)

// fetchOutput is the argument of commands for an output that exists.
type fetchOutput struct {
	Output string `arg:"" name:"out" help:"The directory, or s3://bucket/prefix."`
}

// open opens the output.
func (a fetchOutput) open(ctx context.Context, out *output) (store.Output, error) {
	if err := checkExists(a.Output); err != nil {
		return nil, err
	}
	return openFetchOutput(ctx, a.Output, out)
}

// checkExists returns an error if an output is a directory that does not exist.
func checkExists(name string) error {
	if isBucket(name) {
		return nil
	}
	_, err := os.Stat(name)
	return err
}

type fetchVerifyCommand struct {
	fetchOutput
	fetchDisplay `group:"logging"`
}

// Help explains the command.
func (fetchVerifyCommand) Help() string {
	return `Reads every file that manifest.json lists, and compares its number of resources, size
and sha256. Of a chain (--since auto), the last copy is verified; to verify another one,
give its folder. The exit code is 6 if a file is missing or differs.`
}

// Run verifies a copy.
func (cmd *fetchVerifyCommand) Run(ctx context.Context, root *cli, out *output) error {
	from, err := cmd.open(ctx, out)
	if err != nil {
		return err
	}
	reporter := cmd.reporter(root, out)
	defer reporter.close()
	began := time.Now()
	result, err := fetch.Verify(ctx, from, reporter)
	reporter.close()
	if err != nil {
		return withExitCode(err)
	}
	if reporter.log != nil {
		reporter.log.Info("verified", "folder", result.Folder, "files", result.Files, "resources", result.Resources, "bytes", result.Bytes, "transaction_time", result.TransactionTime)
		return nil
	}
	reporter.summarize(from, result, time.Since(began))
	return nil
}

type fetchCancelCommand struct {
	fetchOutput
	fetchLogin   `group:"login"`
	fetchDisplay `group:"logging"`
}

// Help explains the command.
func (fetchCancelCommand) Help() string {
	return `The export is deleted on the server, so that the same client can start another, and the
files that were stored so far are deleted. The files of a complete copy are kept: one that
was interrupted after it had stored all files is finished. If the server no longer exists,
delete OUT instead.`
}

// Validate checks the flags.
func (cmd *fetchCancelCommand) Validate() error { return cmd.fetchLogin.Validate() }

// Run cancels a copy.
func (cmd *fetchCancelCommand) Run(ctx context.Context, root *cli, out *output) error {
	from, err := cmd.open(ctx, out)
	if err != nil {
		return err
	}
	reporter := cmd.reporter(root, out)
	defer reporter.close()
	complete, err := fetch.Cancel(ctx, fetch.Options{
		Output: from, Login: cmd.login(ctx, out), Connection: cmd.connection(), RetryFor: cancelRetryFor, Reporter: reporter,
	})
	if err != nil {
		return withExitCode(err)
	}
	if complete {
		reporter.print("the copy was complete: its files are kept; the export is deleted on the server")
		return nil
	}
	reporter.print("the export is deleted on the server")
	return nil
}

// cancelRetryFor is how long a request of sluice fetch cancel is repeated: a person waits.
const cancelRetryFor = time.Minute

type fetchKeygenCommand struct {
	Output string `short:"o" required:"" placeholder:"FILE" type:"path" help:"File for the private key. An existing file is not replaced."`
	Kind   string `default:"ES384" enum:"ES384,RS384" help:"Algorithm: ES384 or RS384."`
}

// Help explains the command.
func (fetchKeygenCommand) Help() string {
	return `The private key is written to FILE, which only its owner can read. The public key is
printed as a JWK Set, to be registered at the server.

  sluice fetch keygen -o key.json > public.json
  sluice client add my-client --scope 'system/*.rs' --jwks public.json     # for Sluice`
}

// Validate checks the output.
func (cmd *fetchKeygenCommand) Validate() error {
	if cmd.Output == "-" {
		return errors.New("-o must be a file: standard output is for the public key")
	}
	return nil
}

// Run generates a key pair.
func (cmd *fetchKeygenCommand) Run(out *output) (err error) {
	private, public, err := login.GenerateKey(cmd.Kind)
	if err != nil {
		return err
	}
	file, err := os.OpenFile(cmd.Output, os.O_WRONLY|os.O_CREATE|os.O_EXCL, 0o600)
	if errors.Is(err, fs.ErrExist) {
		return fmt.Errorf("%s exists and is not replaced: name another file", cmd.Output)
	}
	if err != nil {
		return err
	}
	_, err = file.Write(private)
	if err = errors.Join(err, file.Sync(), file.Close()); err != nil {
		return fmt.Errorf("write %s: %w", cmd.Output, err)
	}
	_, err = out.stdout.Write(public)
	return err
}
