package cli

import (
	"errors"
	"fmt"
	"io"
	"text/tabwriter"

	"github.com/seed-90096f4d/sluice/view"
)

type viewCheckCommand struct{ viewFiles }

// Help shows an example.
func (cmd *viewCheckCommand) Help() string {
	return `Prints everything that is wrong with each view, with its position, and the columns
of each valid view. Exits with 1 if any view is invalid.

  sluice view check views/*.json`
}

// Run checks all files.
func (cmd *viewCheckCommand) Run(out *output) error {
	invalid := 0
	for i, file := range cmd.Files {
		if i > 0 {
			if _, err := fmt.Fprintln(out.stdout); err != nil {
				return err
			}
		}
		v, err := readView(out, file)
		if err != nil {
			invalid++
			err = printFindings(out.stdout, file, err)
		} else {
			err = printSchema(out.stdout, file, v)
		}
		if err != nil {
			return err
		}
	}
	if invalid > 0 {
		return fmt.Errorf("%d of %d views are invalid", invalid, len(cmd.Files))
	}
	return nil
}

// printFindings prints a line for each finding of a file, or for the error of reading it.
func printFindings(w io.Writer, file string, err error) error {
	var invalid *view.InvalidError
	if !errors.As(err, &invalid) {
		_, err := fmt.Fprintln(w, sentence(err))
		return err
	}
	for _, finding := range invalid.Findings {
		position := file
		if finding.Path != "" {
			position += ": " + finding.Path
		}
		if _, err := fmt.Fprintf(w, "%s: %s\n", position, finding.Text); err != nil {
			return err
		}
	}
	return nil
}

// printSchema prints the columns of a view.
func printSchema(w io.Writer, file string, v *view.View) error {
	table := tabwriter.NewWriter(w, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintf(table, "%s: %s, rows of %s\n", file, nameOf(v, file), v.Resource)
	_, _ = fmt.Fprintln(table, "  COLUMN\tFHIR TYPE\tSQL TYPE")
	for _, column := range v.Columns {
		sql := column.SQL.String()
		if column.Collection {
			sql = "list of " + sql
		}
		_, _ = fmt.Fprintf(table, "  %s\t%s\t%s\n", column.Name, column.Type, sql)
	}
	return table.Flush()
}
