package output

import (
	"fmt"
	"io/fs"
	"strings"
)

// LockName is the name of the file that a run locks in a directory or bucket.
const LockName = ".sluice-fetch.lock"

const (
	partSuffix = ".part" // of a file that is being written
	badSuffix  = ".bad"  // of a rejected file
	tempSuffix = ".tmp"  // of a document that is being written

	// maxNameBytes is the maximum length of a segment of a name. File systems allow 255
	// bytes, and a suffix must still fit.
	maxNameBytes = 240
)

// checkName returns an error unless a name is a clean relative path that all systems and
// stores accept: what was fetched on Linux can be copied to Windows.
func checkName(name string) error {
	if !fs.ValidPath(name) || name == "." {
		return fmt.Errorf("invalid file name %q: must be a relative path, without empty segments and dot segments", name)
	}
	for segment := range strings.SplitSeq(name, "/") {
		if err := checkSegment(segment); err != nil {
			return fmt.Errorf("invalid file name %q: %w", name, err)
		}
	}
	return nil
}

// checkSegment checks a file or folder name.
func checkSegment(segment string) error {
	for _, r := range segment {
		if r < ' ' || r == 0x7f || strings.ContainsRune(`<>:"|?*\`, r) || r == '\uFFFD' {
			return fmt.Errorf("the character %q is not allowed", r)
		}
	}
	stem, _, _ := strings.Cut(segment, ".")
	switch {
	case len(segment) > maxNameBytes:
		return fmt.Errorf("longer than %d bytes", maxNameBytes)
	case strings.TrimRight(segment, " .") != segment:
		return fmt.Errorf("a segment must not end in a dot or space")
	case isDevice(strings.ToUpper(strings.TrimRight(stem, " "))):
		return fmt.Errorf("%s is a device on Windows", stem)
	case segment == LockName, strings.HasSuffix(segment, partSuffix), strings.HasSuffix(segment, badSuffix), strings.HasSuffix(segment, tempSuffix):
		return fmt.Errorf("the name is reserved")
	}
	return nil
}

// isDevice reports whether Windows reserves a name, in upper case, for a device.
func isDevice(stem string) bool {
	switch stem {
	case "CON", "PRN", "AUX", "NUL":
		return true
	}
	return len(stem) == 4 && (strings.HasPrefix(stem, "COM") || strings.HasPrefix(stem, "LPT")) && stem[3] >= '0' && stem[3] <= '9'
}
