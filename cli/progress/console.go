package progress

import (
	"io"
	"os"

	"github.com/vbauerster/cupwriter"
)

// consoleOn returns what mpb draws on for w.
func consoleOn(w io.Writer) *cupwriter.Writer {
	console := cupwriter.New(fromFirstColumn{w}, false)
	if file, ok := w.(*os.File); ok {
		console.SetTermFd(int(file.Fd()))
	}
	return console
}

// fromFirstColumn begins each Write in the first column. mpb moves the cursor up from where
// it is, which is behind the ^C that a terminal shows for Ctrl-C, and would leave fragments
// of the rows.
type fromFirstColumn struct{ io.Writer }

func (w fromFirstColumn) Write(p []byte) (int, error) {
	n, err := w.Writer.Write(append([]byte{'\r'}, p...))
	return max(0, n-1), err
}
