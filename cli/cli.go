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
	"runtime/debug"
	"slices"
	"strings"
	"syscall"

	"github.com/alecthomas/kong"

	"github.com/seed-90096f4d/sluice/source/catalog"
)

// version is set by the linker when a release is built.
var version string

const description = `Sluice exports FHIR resources from PostgreSQL at the speed of the database.

It reads tables in the layout of Aidbox. GET /<Type>/$dump streams a resource type
as ndjson; GET /fhir/$export writes files to an S3 bucket. Two commands need no server of
Sluice: dump writes files directly from the database, and fetch copies an export of any
Bulk Data server.

First steps:

  export SLUICE_SOURCE_URL=postgres://user:password@host/database
  export SLUICE_S3_URL=https://key:secret@host/bucket/prefix
  sluice migrate
  sluice client add my-client --scope 'system/*.rs'
  sluice serve

A flag that is followed by $SLUICE_… in parentheses can be set by that environment
variable instead.`

// cli is the root of the command line: its commands, and the settings that all share.
type cli struct {
	Log logSettings `embed:"" prefix:"log-"`

	Serve    serveCommand    `cmd:"" help:"Run the API and a worker in one process."`
	API      apiCommand      `cmd:"" name:"api" help:"Run the API only."`
	Worker   workerCommand   `cmd:"" help:"Run a worker only. Any number can run at the same time."`
	Migrate  migrateCommand  `cmd:"" help:"Create or upgrade the schema of the state database. Safe to run at any time and concurrently."`
	Dump     dumpCommand     `cmd:"" help:"Write resources from the source database to files or standard output, without a server."`
	Load     loadCommand     `cmd:"" help:"Load ndjson files into FHIR tables."`
	Fetch    fetchCommand    `cmd:"" help:"Copy an export of any Bulk Data server to files."`
	View     viewCommand     `cmd:"" help:"Check views (SQL on FHIR), or run them directly against the source database."`
	Location locationCommand `cmd:"" help:"Show or change the recorded source and bucket, which all processes share."`
	Sweep    sweepCommand    `cmd:"" help:"Remove files of exports that the state database does not know, for example after a restore from a backup."`
	Export   exportCommand   `cmd:"" help:"List, show, cancel and expire the exports of all clients."`
	Client   clientCommand   `cmd:"" help:"Manage the clients of the API."`
	Check    checkCommand    `cmd:"" help:"Check the databases, the bucket and the scopes of clients, and print the statements that are missing."`
	Health   healthCommand   `cmd:"" help:"Check whether the server on this machine is ready; exit with 1 if not. For health checks of containers."`
	Version  versionCommand  `cmd:"" help:"Show the version."`
}

// Main runs the command of the process and returns its exit code. The first SIGINT or
// SIGTERM shuts the command down gracefully, the second one kills the process.
func Main() int {
	ctx, stop := signal.NotifyContext(context.Background(), os.Interrupt, syscall.SIGTERM)
	context.AfterFunc(ctx, stop)
	return Run(ctx, os.Args[1:], os.Stdout, os.Stderr)
}

// Exit codes, as in shells and PostgreSQL's tools.
const (
	ExitOK = iota
	ExitFailed
	ExitUsage
	ExitInterrupted = 128 + int(syscall.SIGINT)
	ExitBrokenPipe  = 128 + int(syscall.SIGPIPE)
)

// Run runs one command and returns its exit code: 0, 1 if it failed, 2 if args are
// invalid, 130 if ctx was cancelled, 141 if the reader of stdout has gone. Errors of some
// commands have a code of their own.
func Run(ctx context.Context, args []string, stdout, stderr io.Writer) int {
	exited := false
	root := &cli{}
	parser, err := newParser(root, stdout, stderr, func(int) { exited = true })
	if err != nil {
		panic(err) // the tags of cli are invalid
	}
	parsed, err := parser.Parse(args)
	if exited { // after --help
		return ExitOK
	}
	if err != nil {
		report(stderr, args, commandOf(err), err)
		return usageCode(commandOf(err))
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
		report(stderr, args, parsed.Command(), errInterrupted)
		return ExitInterrupted
	case errors.Is(err, errReaderGone):
		return ExitBrokenPipe
	}
	report(stderr, args, parsed.Command(), err)
	var coded kong.ExitCoder
	if errors.As(err, &coded) {
		return coded.ExitCode()
	}
	return ExitFailed
}

// usageCode returns the exit code for invalid arguments of a command. Those of sluice
// fetch have codes of their own, of which ExitUsage is another one.
func usageCode(command string) int {
	if command == "fetch" || strings.HasPrefix(command, "fetch ") {
		return ExitFailed
	}
	return ExitUsage
}

var errInterrupted = errors.New("interrupted")

func newParser(target *cli, stdout, stderr io.Writer, exit func(int)) (*kong.Kong, error) {
	parser, err := kong.New(target,
		kong.Name("sluice"),
		kong.Description(description),
		kong.Writers(stdout, stderr),
		kong.Exit(exit),
		kong.ExplicitGroups(groups),
		variables,
		mapper(parseDuration), mapper(parseSize), mapper(parseTime), mapper(parsePastTime), mapper(parseSince), mapper(parseNetwork), mapper(catalog.ParseMapping),
		kong.ConfigureHelp(kong.HelpOptions{Compact: true, WrapUpperBound: 100}),
		kong.Help(printHelp),
		kong.Resolvers(kong.ResolverFunc(resolveFile)),
	)
	if err != nil {
		return nil, err
	}
	for _, command := range parser.Model.Leaves(false) {
		slices.SortStableFunc(command.Flags, func(a, b *kong.Flag) int { return groupIndex(a) - groupIndex(b) })
	}
	return parser, nil
}

// output is the standard input, output and error of a command.
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

// currentVersion returns the version of the release, or of the build without one.
func currentVersion() string {
	if version != "" {
		return version
	}
	if info, ok := debug.ReadBuildInfo(); ok && info.Main.Version != "" {
		return info.Main.Version
	}
	return "unknown"
}
