package cli

import (
	"context"
	"crypto/x509"
	"errors"
	"fmt"
	"io/fs"
	"net/http"
	"os"
	"path/filepath"
	"regexp"
	"strings"
	"syscall"
	"time"

	"github.com/seed-90096f4d/sluice/fetch"
	store "github.com/seed-90096f4d/sluice/fetch/output"
	"github.com/seed-90096f4d/sluice/fetch/remote"
)

type fetchCommand struct {
	Run    fetchRunCommand    `cmd:"" default:"withargs" help:"Copy an export of any Bulk Data server to files, and verify them."`
	Verify fetchVerifyCommand `cmd:"" help:"Compare the files of a complete copy with its manifest."`
	Cancel fetchCancelCommand `cmd:"" help:"Delete the export of an unfinished copy on the server, and the files that were stored so far."`
	Keygen fetchKeygenCommand `cmd:"" help:"Generate a key pair for SMART Backend Services."`
}

type fetchRunCommand struct {
	BaseURL string `arg:"" optional:"" name:"base-url" help:"Base URL of the FHIR server, such as https://example.org/fhir."`
	Output  string `short:"o" placeholder:"OUT" xor:"output" help:"Where the files go: a directory, s3://bucket/prefix, or - for standard output (ndjson, in the order of the manifest). Required."`
	Resume  string `placeholder:"OUT" xor:"output" help:"Continue the unfinished copy in OUT; the base URL, the request and how files are stored are taken from there."`
	Status  string `placeholder:"URL" help:"Copy an export that was started by other means, by its status URL."`

	fetchLogin    `group:"login"`
	fetchRequest  `group:"request"`
	fetchFiles    `group:"files"`
	fetchTransfer `group:"transfer"`
	fetchDisplay  `group:"logging"`
}

// Help explains the command.
func (cmd *fetchRunCommand) Help() string {
	return `The export is started, awaited, downloaded and verified, and then deleted on the
server. A copy that was interrupted, even by kill -9, continues when the same command is
run again. manifest.json is written last: when it is there, the copy is complete.

  sluice fetch https://example.org/fhir -o export
  sluice fetch https://example.org/fhir -o export --client-id me --key key.json
  sluice fetch https://example.org/fhir -o group --group 123 --since auto
  sluice fetch https://example.org/fhir -o s3://bucket/prefix --token-file token
  sluice fetch --resume export

Secrets are never on the command line. The secret of a client is in SLUICE_FETCH_SECRET,
in a file (--secret-file), or asked for on a terminal; a bearer token is in
SLUICE_FETCH_TOKEN or in a file (--token-file).

Exit codes: 0 complete and verified, 1 invalid arguments or a problem of this machine,
2 login refused, 3 export refused, 4 export failed or gone, 5 incomplete, 6 a file is not
what the manifest says, 7 the server reports issues (--fail-on), 8 timeout,
130 interrupted. After 5, 6, 8 and 130, the same command continues.`
}

// Validate checks the arguments.
func (cmd *fetchRunCommand) Validate() error {
	switch {
	case cmd.Output == "" && cmd.Resume == "" && cmd.BaseURL == "" && cmd.Status == "":
		return errors.New("no server and no output: give both, as in sluice fetch https://example.org/fhir -o DIR")
	case cmd.Output == "" && cmd.Resume == "":
		return errors.New("no output: set -o DIR, -o s3://bucket/prefix or -o -")
	case cmd.Resume != "" && (cmd.BaseURL != "" || cmd.Status != ""):
		return errors.New("--resume takes the server from the unfinished copy: leave out the base URL and --status")
	case cmd.Status != "" && cmd.Since == sinceAuto:
		return errors.New("--status cannot be combined with --since auto: nothing says what that export has")
	case cmd.BaseURL == "" && cmd.Resume == "" && cmd.Status == "":
		return errors.New("no server: give the base URL of a FHIR server, such as https://example.org/fhir")
	}
	if err := checkServer("the base URL", cmd.BaseURL); err != nil {
		return err
	}
	if err := checkServer("--status", cmd.Status); err != nil {
		return err
	}
	return validate(&cmd.fetchLogin, &cmd.fetchRequest, &cmd.fetchFiles, &cmd.fetchTransfer)
}

// Run copies the export.
func (cmd *fetchRunCommand) Run(ctx context.Context, root *cli, out *output) error {
	if cmd.Resume != "" {
		if err := checkExists(cmd.Resume); err != nil {
			return err
		}
	}
	defer removeEmpty(cmd.Output)()
	to, err := openFetchOutput(ctx, cmd.Output+cmd.Resume, out)
	if err != nil {
		return err
	}
	reporter := cmd.reporter(root, out)
	defer reporter.close()
	options, err := cmd.options(ctx, out)
	if err != nil {
		return err
	}
	options.Output, options.Reporter = to, reporter
	began := time.Now()
	result, err := fetch.Run(ctx, options)
	reporter.close()
	var failed *fetch.Error
	if err == nil || errors.As(err, &failed) && failed.Kind == fetch.HasIssues {
		reporter.summarize(to, result, time.Since(began))
	}
	return cmd.explain(ctx, reporter, err)
}

// options returns the options of the run but output and reporter.
func (cmd *fetchRunCommand) options(ctx context.Context, out *output) (fetch.Options, error) {
	request, err := cmd.request()
	if err != nil {
		return fetch.Options{}, err
	}
	o := fetch.Options{
		BaseURL: cmd.BaseURL, StatusURL: cmd.Status, Request: request,
		Login: cmd.login(ctx, out), Connection: cmd.connection(),
		SinceAuto: cmd.Since == sinceAuto, NewMembers: cmd.NewMembers,
	}
	cmd.setFiles(&o)
	cmd.setTransfer(&o)
	return o, nil
}

// explain returns an error with its exit code, and says how to continue.
func (cmd *fetchRunCommand) explain(ctx context.Context, reporter *fetchReporter, err error) error {
	var failed *fetch.Error
	switch {
	case err == nil:
		return nil
	case !errors.As(err, &failed) && ctx.Err() != nil:
		if cmd.Output != "-" && reporter.started.Load() {
			reporter.warn(fmt.Sprintf("the export and what was received are kept: run the same command again to continue, or sluice fetch cancel %s", cmd.Output+cmd.Resume))
		}
		return ctx.Err()
	}
	if failed != nil && (failed.Kind == fetch.Incomplete || failed.Kind == fetch.Unverified || failed.Kind == fetch.TimedOut) && cmd.Output != "-" {
		err = fmt.Errorf("%w; run the same command again to continue", err)
	}
	if cmd.Output != "-" {
		err = cmd.withRestart(err, reporter.started.Load())
	}
	return withExitCode(withAdvice(cmd.withBase(err)))
}

// withRestart adds how to begin again to an error that another call does not repair. It has
// left a state if an export was started.
func (cmd *fetchRunCommand) withRestart(err error, started bool) error {
	var failed *fetch.Error
	final := errors.As(err, &failed) && failed.Kind == fetch.Failed && started
	switch {
	case !final && !errors.Is(err, remote.ErrGone):
		return err
	case cmd.Since == sinceAuto:
		return fmt.Errorf("%w; to begin this run of the chain again, run the same command", err)
	}
	return fmt.Errorf("%w; to begin again, run sluice fetch cancel %s first", err, cmd.Output+cmd.Resume)
}

// withBase adds the base URL to an error if the server does not know the URL of the kick-off.
func (cmd *fetchRunCommand) withBase(err error) error {
	var refused *remote.RefusedError
	switch {
	case !errors.As(err, &refused) || refused.Status != http.StatusNotFound || cmd.BaseURL == "":
		return err
	case cmd.Group != "":
		return fmt.Errorf("%w; check the base URL %s and --group %s", err, cmd.BaseURL, cmd.Group)
	}
	return fmt.Errorf("%w; check the base URL %s", err, cmd.BaseURL)
}

// withAdvice adds what to do about errors of TLS and of the disk.
func withAdvice(err error) error {
	var unknown x509.UnknownAuthorityError
	switch {
	case errors.Is(err, syscall.ENOSPC):
		return fmt.Errorf("%w; free space and run the same command again", err)
	case errors.As(err, &unknown):
		return fmt.Errorf("%w; --ca-file FILE adds certificates to those that this machine trusts", err)
	case errors.Is(err, http.ErrSchemeMismatch):
		return fmt.Errorf("%w; the URL begins with https://, but the server speaks http://", err)
	case speaksTLS.MatchString(err.Error()):
		return fmt.Errorf("%w; the URL begins with http://, but the server speaks https://", err)
	}
	return err
}

// speaksTLS matches how servers that expect TLS respond to plain HTTP: an alert of TLS in
// the words of net/http, or a response 400 of Go, nginx or Apache.
var speaksTLS = regexp.MustCompile(`malformed HTTP response "\\x15\\x03|(?i)HTTP request (was sent )?to (an )?HTTPS (server|port)|plain HTTP to an SSL-enabled`)

// fetchExitCodes are the exit codes of sluice fetch.
var fetchExitCodes = map[fetch.Kind]int{
	fetch.Local: 1, fetch.LoginRefused: 2, fetch.Refused: 3, fetch.Failed: 4,
	fetch.Incomplete: 5, fetch.Unverified: 6, fetch.HasIssues: 7, fetch.TimedOut: 8,
}

// withExitCode gives an error of a run its exit code.
func withExitCode(err error) error {
	var failed *fetch.Error
	if errors.As(err, &failed) {
		return &exitError{error: err, code: fetchExitCodes[failed.Kind]}
	}
	return err
}

// exitError is an error with an exit code. It implements kong.ExitCoder.
type exitError struct {
	error
	code int
}

// Unwrap returns the error.
func (e *exitError) Unwrap() error { return e.error }

// ExitCode returns the exit code.
func (e *exitError) ExitCode() int { return e.code }

// removeEmpty returns a function that removes a directory, and those above it, as far as
// they do not exist yet and are empty then.
func removeEmpty(directory string) func() {
	var missing []string
	if directory != "" && !isBucket(directory) {
		for d := filepath.Clean(directory); isMissing(d); d = filepath.Dir(d) {
			missing = append(missing, d)
		}
	}
	return func() {
		for _, d := range missing {
			if os.Remove(d) != nil { // it has files
				return
			}
		}
	}
}

// isMissing reports whether a file does not exist.
func isMissing(name string) bool {
	_, err := os.Lstat(name)
	return errors.Is(err, fs.ErrNotExist)
}

// isBucket reports whether an output is a bucket.
func isBucket(name string) bool { return strings.HasPrefix(name, "s3://") }

// openFetchOutput opens an output by its name.
func openFetchOutput(ctx context.Context, name string, out *output) (store.Output, error) {
	switch {
	case name == "-":
		return store.Stream(pipeWriter(out.stdout)), nil
	case isBucket(name):
		return store.Bucket(ctx, name)
	}
	return store.Directory(name)
}
