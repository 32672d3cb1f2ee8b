package cli

import (
	"cmp"
	"errors"
	"fmt"
	"io"
	"log/slog"
	"os"
	"regexp"
	"slices"
	"strings"

	"github.com/alecthomas/kong"
)

// servers are the commands that run until they are stopped. They write log lines only.
var servers = []string{"serve", "api", "worker"}

// report writes the error of a command: as a log line if the command is a server or
// JSON is requested, else as a sentence.
func report(stderr io.Writer, args []string, command string, err error) {
	log := logSettings{Format: logFormat(args)}
	logs := slices.Contains(servers, command) && (log.Format == "text" || !isTerminal(stderr))
	if log.Format != "json" && !logs {
		_, _ = fmt.Fprintf(stderr, "sluice: %s\n", withoutDefault(sentence(err)))
		return
	}
	log.at(&output{stderr: stderr}, slog.LevelError).Error("command failed", "command", withoutDefault(command), "error", sentence(err))
}

// commandOf returns the command whose arguments are invalid, if one was recognised.
func commandOf(err error) string {
	var parse *kong.ParseError
	if errors.As(err, &parse) && parse.Context != nil {
		return parse.Context.Command()
	}
	return ""
}

// secrets matches parts of connection strings and URLs that may contain a secret.
var secrets = regexp.MustCompile(`(?i)(postgres(?:ql)?://)\S+|(://)\S*@|(password\s*=).*`)

// sentence returns the text of an error on one line, with secrets masked. PostgreSQL's
// driver returns a line for each address that it tried, often the same twice. An error
// about another argument quotes a connection string that is in its place.
func sentence(err error) string {
	text := secrets.ReplaceAllStringFunc(err.Error(), mask)
	lines := strings.Split(text, "\n")
	for i, line := range lines {
		lines[i] = strings.TrimSpace(line)
	}
	var joined strings.Builder
	for i, line := range slices.Compact(lines) {
		switch {
		case i == 0:
		case strings.HasSuffix(joined.String(), ":"):
			joined.WriteString(" ")
		default:
			joined.WriteString("; ")
		}
		joined.WriteString(line)
	}
	return joined.String()
}

// examples matches the examples of connection strings and S3 URLs in messages.
var examples = regexp.MustCompile(`^(postgres://user:password@host(:port)?/database,?|://key:secret@)$`)

// mask masks a match of secrets, unless it is an example.
func mask(match string) string {
	if examples.MatchString(match) {
		return match
	}
	return secrets.ReplaceAllString(match, "$1$2$3***")
}

// logFormat returns the log format of the command line or the environment, even if
// other arguments are invalid.
func logFormat(args []string) string {
	for i, arg := range args {
		name, value, found := strings.Cut(arg, "=")
		switch {
		case name != "--log-format" && name != "--log":
		case found:
			return value
		case i+1 < len(args):
			return args[i+1]
		}
	}
	return cmp.Or(os.Getenv("SLUICE_LOG_FORMAT"), "auto")
}

// serviceLink matches the variables that Kubernetes sets in containers for each service,
// for example for one that is called sluice or sluice-api.
var serviceLink = regexp.MustCompile(`_SERVICE_(HOST|PORT)(_[A-Z0-9_]+)?$|_PORT(_\d+_(TCP|UDP|SCTP)(_[A-Z]+)?)?$`)

// knownVariables returns the names of all environment variables that are settings.
func knownVariables(model *kong.Application) map[string]bool {
	known := map[string]bool{}
	for _, name := range secretVariables {
		known[name] = true
	}
	for _, command := range model.Leaves(false) {
		for _, group := range command.AllFlags(false) {
			for _, flag := range group {
				for _, name := range flag.Envs {
					known[name] = true
				}
				known[fileVariable(flag)] = true
			}
		}
	}
	return known
}

// unknownVariables returns the names of environment variables that begin with SLUICE_
// and are no settings.
func unknownVariables(model *kong.Application, environment []string) []string {
	known := knownVariables(model)
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

// warnUnknown warns of environment variables that have no effect, such as settings with
// a misspelled name.
func warnUnknown(model *kong.Application, logger *slog.Logger) {
	for _, name := range unknownVariables(model, os.Environ()) {
		logger.Warn("unknown environment variable", "name", name)
	}
}
