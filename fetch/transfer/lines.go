package transfer

import (
	"bytes"
	"fmt"
)

// lines counts the lines of ndjson and looks for their resource types, with constant memory
// whatever the length of a line. A line without a newline at the end counts, a blank line
// does not.
type lines struct {
	complete int64 // that end in a newline
	open     bool  // the current line has a character

	wanted   string // resource type; empty if it is not checked
	strict   bool   // every line is checked, not only the first
	headed   bool   // headers are counted, and types are not checked
	headers  int64  // lines with the type headerType
	checking bool   // the current line is checked
	scan     typeScan
	mismatch string // the first one
}

// headerType is the resource type of the lines that begin blocks in a file that is organized
// by a resource type.
const headerType = "Parameters"

// newLines returns a counter that checks the first line or all of them.
func newLines(wanted string, strict bool) lines {
	return lines{wanted: wanted, strict: strict, checking: wanted != ""}
}

// newHeadedLines returns a counter of a file that is organized by a resource type.
func newHeadedLines() lines { return lines{headed: true, checking: true} }

// Write implements io.Writer.
func (l *lines) Write(p []byte) (int, error) {
	written := len(p)
	for {
		end := bytes.IndexByte(p, '\n')
		if end < 0 {
			l.add(p)
			return written, nil
		}
		l.add(p[:end])
		l.end()
		p = p[end+1:]
	}
}

// add adds a piece of the current line.
func (l *lines) add(p []byte) {
	if !l.open {
		p = bytes.TrimLeft(p, " \t\r")
		l.open = len(p) > 0
	}
	if l.checking {
		l.scan.write(p)
	}
}

// end ends the current line, unless it is blank.
func (l *lines) end() {
	if !l.open {
		return
	}
	l.check()
	l.complete++
	l.open = false
}

// check compares the resource type of the current line.
func (l *lines) check() {
	if !l.checking {
		return
	}
	if l.headed {
		if l.scan.found == headerType {
			l.headers++
		}
		l.scan.reset()
		return
	}
	if got := l.scan.found; got != l.wanted && l.mismatch == "" {
		if got == "" {
			got = "no resourceType"
		}
		l.mismatch = fmt.Sprintf("%s in line %d", got, l.complete+1)
	}
	l.scan.reset()
	l.checking = l.strict && l.mismatch == ""
}

// finish ends the last line and returns the number of lines that are no headers.
func (l *lines) finish() int64 {
	l.end()
	return l.complete - l.headers
}
