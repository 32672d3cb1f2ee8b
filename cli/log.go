package cli

import (
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"

	"github.com/seed-90096f4d/sluice/cli/progress"
)

type logSettings struct {
	Level  string `env:"SLUICE_LOG_LEVEL" default:"info" enum:"debug,info,warn,error" group:"logging" help:"Minimum level of log lines: debug, info, warn or error."`
	Format string `aliases:"log" env:"SLUICE_LOG_FORMAT" default:"auto" enum:"auto,json,text" group:"logging" help:"Format of log lines: json, text, or auto (text on a terminal, else json)."`
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// logger returns a logger that writes to standard error.
func (s logSettings) logger(out *output) *slog.Logger { return s.at(out, levels[s.Level]) }

// audit returns the logger of audit events. It writes them at every level of the log.
func (s logSettings) audit(out *output) *slog.Logger { return s.at(out, slog.LevelInfo) }

func (s logSettings) at(out *output, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if s.Format == "text" || s.Format == "auto" && isTerminal(out.stderr) {
		return slog.New(slog.NewTextHandler(out.stderr, options))
	}
	return slog.New(slog.NewJSONHandler(out.stderr, options))
}

// barsOnTerminal returns the style of progress of commands that are silent unless they write
// to a terminal.
func barsOnTerminal(w io.Writer) progress.Style {
	if isTerminal(w) {
		return progress.Auto
	}
	return progress.Quiet
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
