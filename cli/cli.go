// Package cli is Sluice's command line: it reads flags and environment variables, wires
// the packages together and runs one command. There is one file per command. It must not
// know how exports, dumps or loads work.
package cli

import (
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"os/signal"
	"regexp"
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"
)

// version is set when a release is built.
var version string

const description = `Sluice exports FHIR resources out of PostgreSQL, at the speed of the database.

It reads tables laid out as Aidbox lays them out. GET /<Type>/$dump streams a
resource type as ndjson; GET /fhir/$export becomes files in an S3 bucket.

A first run:

  export SLUICE_SOURCE_URL=postgres://user:password@host/database
  export SLUICE_S3_URL=https://key:secret@host/bucket/prefix
  sluice migrate
  sluice client add my-client --scope 'system/*.rs'
  sluice serve

Every flag can also be given by the environment variable that stands beside it.`

// cli is the command line: a field for each command, and what all share.
type cli struct {
	Log logSettings `embed:"" prefix:"log-"`

	Serve    serveCommand    `cmd:"" help:"Answer requests and work off exports, in one process."`
	API      apiCommand      `cmd:"" name:"api" help:"Answer requests only."`
	Worker   workerCommand   `cmd:"" help:"Work off exports only. Run as many as you like."`
	Migrate  migrateCommand  `cmd:"" help:"Bring the state database up to date. Safe to run at any time, by many at once."`
	Load     loadCommand     `cmd:"" help:"Load ndjson files into FHIR tables."`
	Location locationCommand `cmd:"" help:"Show or change the recorded source and bucket, which all processes share."`
	Sweep    sweepCommand    `cmd:"" help:"Remove files of exports that the state database does not have, as after it was restored from a backup."`
	Client   clientCommand   `cmd:"" help:"Manage the clients who may ask."`
	Health   healthCommand   `cmd:"" help:"Ask the server on this machine whether it is ready; exit with 1 if not. For the health checks of containers."`
	Version  versionCommand  `cmd:"" help:"Show the version."`
}

// Main runs the command of the process and returns its exit code. The first SIGINT or
// SIGTERM stops the command in an orderly way, the second one kills the process.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// Exit codes, as shells and PostgreSQL's tools use them.
const (
	ExitOK = iota
	ExitFailed
	ExitUsage
	ExitInterrupted = 128 + int(syscall.SIGINT)
)

// Run runs one command and returns its exit code: 0, 1 if it failed, 2 if args are wrong,
// 130 if ctx was cancelled.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	exited := false
	root := &cli{}
	parser, err := newParser(root, stdout, stderr, func(int) { exited = true })
	if err != nil {
		panic(err) // the tags of cli are wrong
	}
	parsed, err := parser.Parse(args)
	if exited { // it was --help
		return ExitOK
	}
	if err != nil {
		report(stderr, args, commandOf(err), err)
		return ExitUsage
	}
	out := &output{stdin: os.Stdin, stdout: stdout, stderr: stderr}
	warnUnknown(parser.Model, root.Log.logger(out))
	parsed.BindTo(ctx, (*context.Context)(nil))
	parsed.Bind(out)

	err = parsed.Run()
	switch {
	case err == nil:
		return ExitOK
	case ctx.Err() != nil && errors.Is(err, context.Canceled):
		_, _ = fmt.Fprintln(stderr, "sluice: interrupted")
		return ExitInterrupted
	}
	report(stderr, args, parsed.Command(), err)
	return ExitFailed
}

// commandOf returns the command whose arguments are wrong, if one was recognised.
func commandOf(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		return parse.Context.Command()
	}
	return ""
}

// secrets match what may hold a secret of a connection string or a URL.
var secrets = regexp.MustCompile(`(?i)(postgres(?:ql)?://)\S+|(://)\S*@|(password\s*=).*`)

// sentence puts an error on one line. PostgreSQL's driver gives a line to each
// address it tried, often the same twice. A connection string in a wrong place of the
// command line is quoted by what expected something else, so secrets are masked.
func sentence(err error) string {
	text := secrets.ReplaceAllStringFunc(err.Error(), mask)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	return strings.Join(slices.Compact(lines), " ")
}

// examples match what messages and help texts show of a connection string and an S3 URL.
var examples = regexp.MustCompile(`^(postgres://user:password@host(:port)?/database,?|://key:secret@)$`)

// mask replaces the secrets in a match of secrets. Examples have none.
func mask(match string) string {
	if examples.MatchString(match) {
		return match
	}
	return secrets.ReplaceAllString(match, "$1$2$3***")
}

func newParser(target *cli, stdout, stderr io.Writer, exit func(int)) (*kong.Kong, error) {
	return kong.New(target,
		kong.Name("sluice"),
		kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.Exit(exit),
		durations(),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
	)
}

// output is where a command writes for its user, and reads what it asks for.
type output struct {
	stdin          io.Reader
	stdout, stderr io.Writer
}

type versionCommand struct{}

// Run prints the version.
func (versionCommand) Run(out *output) error {
	_, err := fmt.Fprintf(out.stdout, "sluice %s\n", currentVersion())
	return err
}

// currentVersion is that of the release, or what Go knows of the build.
func currentVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
