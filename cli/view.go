package cli

import (
	"fmt"
	"io"
	"os"
	"path/filepath"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/view"
)

type viewCommand struct {
	Check viewCheckCommand `cmd:"" help:"Check views and show the columns of their tables. Needs no database."`
	Run   viewRunCommand   `cmd:"" help:"Run views against the source database and write their tables. Needs only SELECT on the FHIR tables."`
}

// viewFiles are the files of a command that reads views.
type viewFiles struct {
	Files []string `arg:"" name:"file" help:"Files with a ViewDefinition each, as JSON (- = standard input)."`
}

// readView reads and parses the view in a file. Its error names the file.
func readView(out *output, file string) (v *view.View, err error) {
	var document []byte
	if file == "-" {
		file = "standard input"
		document, err = io.ReadAll(out.stdin)
	} else {
		document, err = os.ReadFile(file)
	}
	if err != nil {
		return nil, err // it names the file
	}
	if v, err = view.Parse(document, fhir.R4()); err != nil {
		return nil, fmt.Errorf("%s: %w", file, err)
	}
	return v, nil
}

// nameOf returns the name of the table of a view: that of the view, or of its file.
func nameOf(v *view.View, file string) string {
	if v.Name != "" {
		return v.Name
	}
	base := filepath.Base(file)
	return strings.TrimSuffix(base, filepath.Ext(base))
}
