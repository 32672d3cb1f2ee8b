package cli

import (
	"bytes"
	"fmt"
	"io"
	"strings"

	"github.com/alecthomas/kong"
)

// withoutDefault returns a text without the name of the default command of sluice fetch,
// which users need not know.
func withoutDefault(text string) string { return strings.ReplaceAll(text, "fetch run", "fetch") }

// printHelp prints the help of the selected command.
func printHelp(options kong.HelpOptions, ctx *kong.Context) error {
	var text bytes.Buffer
	stdout := ctx.Stdout
	ctx.Stdout = &text
	err := printSelected(options, ctx)
	ctx.Stdout = stdout
	if err != nil {
		return err
	}
	_, err = io.WriteString(stdout, withoutDefault(text.String()))
	return err
}

// printSelected prints the help of the selected command. For a group of commands with a
// default one, such as sluice fetch, that is the help of the default, and then the others.
func printSelected(options kong.HelpOptions, ctx *kong.Context) error {
	group := ctx.Selected()
	if group == nil || group.DefaultCmd == nil {
		return kong.DefaultHelpPrinter(options, ctx)
	}
	ctx.Path = append(ctx.Path, &kong.Path{Parent: group, Command: group.DefaultCmd})
	if err := kong.DefaultHelpPrinter(options, ctx); err != nil {
		return err
	}
	if _, err := fmt.Fprintln(ctx.Stdout, "\nOther commands:"); err != nil {
		return err
	}
	for _, command := range group.Children {
		if command == group.DefaultCmd {
			continue
		}
		if _, err := fmt.Fprintf(ctx.Stdout, "  %s\n      %s\n", command.FullPath(), command.Help); err != nil {
			return err
		}
	}
	return nil
}
