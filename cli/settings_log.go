package cli

import (
	"io"
	"log/slog"
	"os"

	"golang.org/x/term"
)

type logSettings struct {
	Level  string `env:"SLUICE_LOG_LEVEL" default:"info" enum:"debug,info,warn,error" help:"What to log: debug, info, warn or error."`
	Format string `env:"SLUICE_LOG_FORMAT" default:"auto" enum:"auto,json,text" help:"How to log: json, text, or auto, which is text on a terminal."`
}

var levels = map[string]slog.Level{
	"debug": slog.LevelDebug, "info": slog.LevelInfo, "warn": slog.LevelWarn, "error": slog.LevelError,
}

// logger writes to standard error.
func (s logSettings) logger(out *output) *slog.Logger { return s.at(out, levels[s.Level]) }

// audit writes to standard error whatever the level: who took what is no
// matter of how much one wants to read.
func (s logSettings) audit(out *output) *slog.Logger { return s.at(out, slog.LevelInfo) }

func (s logSettings) at(out *output, level slog.Level) *slog.Logger {
	options := &slog.HandlerOptions{Level: level}
	if s.Format == "text" || s.Format == "auto" && isTerminal(out.stderr) {
		return slog.New(slog.NewTextHandler(out.stderr, options))
	}
	return slog.New(slog.NewJSONHandler(out.stderr, options))
}

func isTerminal(w io.Writer) bool {
	file, ok := w.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}
