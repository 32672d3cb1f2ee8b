package process

import (
	"fmt"
	"os"
	"strings"
)

// tailBytes is the maximum number of bytes that Tail reads.
const tailBytes = 64 << 10

// OpenLog opens a log file for appending and creates it if it does not exist.
func OpenLog(path string) (*os.File, error) {
	file, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_APPEND, 0o644)
	if err != nil {
		return nil, fmt.Errorf("open log: %w", err)
	}
	return file, nil
}

// Tail returns the last lines of a log file, starting at byte offset from, indented so
// that they can be shown below a message; "" if it is empty.
func Tail(path string, from int64, lines int) string {
	file, err := os.Open(path)
	if err != nil {
		return ""
	}
	defer func() { _ = file.Close() }()

	info, err := file.Stat()
	if err != nil {
		return ""
	}
	from = max(from, info.Size()-tailBytes)
	buffer := make([]byte, max(info.Size()-from, 0))
	n, err := file.ReadAt(buffer, from)
	if err != nil || n == 0 {
		return ""
	}
	all := strings.Split(strings.TrimRight(string(buffer[:n]), "\n"), "\n")
	return "\t" + strings.Join(all[max(len(all)-lines, 0):], "\n\t")
}
