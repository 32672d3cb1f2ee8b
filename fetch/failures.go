package fetch

import (
	"fmt"
	"strings"
	"sync"

	"github.com/dustin/go-humanize/english"
)

// maxNamed is how many files a message names.
const maxNamed = 5

// failures are the files of an export that could not be stored.
type failures struct {
	mu sync.Mutex
	// lost are missing files, bad those that are not what the manifest says.
	lost, bad failedFiles
	// final is the first error of an export that is gone or has changed.
	final error
}

// failedFiles are files that failed in the same way.
type failedFiles struct {
	number int
	named  []string
	first  error
}

func (f *failedFiles) add(name string, err error) {
	if f.number == 0 {
		f.first = err
	}
	f.number++
	if len(f.named) < maxNamed {
		f.named = append(f.named, name)
	}
}

// missing records a file that could not be downloaded.
func (f *failures) missing(file *file, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.lost.add(file.String(), err)
	if f.final == nil && isFinal(err) {
		f.final = err
	}
}

// unverified records a file that is not what the manifest says.
func (f *failures) unverified(file *file, err error) {
	f.mu.Lock()
	defer f.mu.Unlock()
	f.bad.add(file.String(), err)
}

// err returns the failures as one error, or nil. Its text leaves out why files failed,
// since each of them has had an event, but not why the export is of no use any more.
func (f *failures) err(files int) error {
	f.mu.Lock()
	defer f.mu.Unlock()
	switch {
	case f.final != nil:
		return fail(Failed, "%s missing: %w", portion(f.lost.number, files), f.final)
	case f.lost.number > 0 && f.bad.number > 0:
		return reported(Incomplete, f.lost.first, "%s missing: %s; %s not what the manifest says, stored as .bad: %s", portion(f.lost.number, files), f.lost.names(), portion(f.bad.number, files), f.bad.names())
	case f.lost.number > 0:
		kind := Incomplete
		if kindOf(f.lost.first) == Local { // certificates that this machine does not know
			kind = Local
		}
		return reported(kind, f.lost.first, "%s missing: %s", portion(f.lost.number, files), f.lost.names())
	case f.bad.number > 0:
		return reported(Unverified, f.bad.first, "%s not what the manifest says, stored as .bad: %s", portion(f.bad.number, files), f.bad.names())
	}
	return nil
}

// portion returns the beginning of a sentence, such as 1 of 3 files is.
func portion(n, all int) string {
	return fmt.Sprintf("%d of %s %s", n, counted(all, "file"), english.PluralWord(n, "is", "are"))
}

// names returns the names of the first files.
func (f *failedFiles) names() string {
	text := strings.Join(f.named, ", ")
	if more := f.number - len(f.named); more > 0 {
		text += fmt.Sprintf(" and %d more", more)
	}
	return text
}
