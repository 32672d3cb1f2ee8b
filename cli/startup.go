package cli

import (
	"cmp"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// servers are the commands that run until they are stopped. All that they write is
// log lines.
var servers = []string{"serve", "api", "worker"}

// report writes the error that ended a command: as a log line if that is what the
// program writes, otherwise as a sentence.
func report(stderr io.Writer, args []string, command string, err error) {
	log := logSettings{Format: logFormat(args)}
	logs := slices.Contains(servers, command) && (log.Format == "text" || !isTerminal(stderr))
	if log.Format != "json" && !logs {
		_, _ = fmt.Fprintf(stderr, "sluice: %s\n", sentence(err))
		return
	}
	log.at(&output{stderr: stderr}, slog.LevelError).Error("command failed", "command", command, "error", sentence(err))
}

// logFormat returns the log format that the command line or the environment asks
// for, also if the rest of them is wrong.
func logFormat(args []string) string {
	for i, arg := range args {
		if value, found := strings.CutPrefix(arg, "--log-format="); found {
			return value
		}
		if arg == "--log-format" && i+1 < len(args) {
			return args[i+1]
		}
	}
	return cmp.Or(os.Getenv("SLUICE_LOG_FORMAT"), "auto")
}

// serviceLink matches the variables that Kubernetes sets in a container for each
// service, such as one with the name sluice or sluice-api.
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?$|_PORT(_\d+_(TCP|UDP|SCTP)(_[A-Z]+)?)?$`)

// unknownVariables returns the names of those variables of an environment that look
// like a setting and are none.
func unknownVariables(model *kong.Application, environment []string) []string {
	known := map[string]bool{}
	for _, command := range model.Leaves(false) {
		for _, group := range command.AllFlags(false) {
			for _, flag := range group {
				for _, name := range flag.Envs {
					known[name] = true
				}
			}
		}
	}
	var unknown []string
	for _, variable := range environment {
		name, _, _ := strings.Cut(variable, "=")
		if strings.HasPrefix(name, "SLUICE_") && !known[name] && !serviceLink.MatchString(name) {
			unknown = append(unknown, name)
		}
	}
	slices.Sort(unknown)
	return unknown
}

// warnUnknown warns of settings in the environment that have no effect, such as
// those with a misspelled name.
func warnUnknown(model *kong.Application, logger *slog.Logger) {
	for _, name := range unknownVariables(model, os.Environ()) {
		logger.Warn("unknown environment variable", "name", name)
	}
}
