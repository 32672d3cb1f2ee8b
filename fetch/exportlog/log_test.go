package exportlog

import (
	"os"
	"path/filepath"
	"strings"
	"testing"
	"time"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fetch/output"
)

// events returns the names of the events in a log.
func events(t *testing.T, dir string) (names []string) {
	t.Helper()
	content, err := os.ReadFile(filepath.Join(dir, "log.ndjson"))
	require.NoError(t, err)
	for line := range strings.Lines(string(content)) {
		require.True(t, strings.HasPrefix(line, `{"exportId":"x","timestamp":"`), line)
		_, rest, _ := strings.Cut(line, `"eventId":"`)
		name, _, found := strings.Cut(rest, `"`)
		require.True(t, found, line)
		names = append(names, name)
	}
	return names
}

func entry(name string) Entry {
	return Entry{ExportID: "x", Timestamp: time.Now(), Event: name, Details: map[string]any{"a": 1}}
}

func TestLog(t *testing.T) {
	t.Parallel()
	dir := t.TempDir()
	out, err := output.Directory(dir)
	require.NoError(t, err)
	open := func(resumed bool) *Log {
		log, err := Open(t.Context(), out, "log.ndjson", resumed)
		require.NoError(t, err)
		return log
	}
	log := open(false)
	log.Write(entry("a"), entry("b"))
	require.NoError(t, log.Close(t.Context()))
	require.Equal(t, []string{"a", "b"}, events(t, dir))
	require.Empty(t, log.Restored)

	// A run that ended, and was resumed.
	log = open(true)
	require.Equal(t, "b", log.Restored)
	log.Write(entry("c"))
	require.NoError(t, log.Close(t.Context()))
	require.Equal(t, []string{"a", "b", "c"}, events(t, dir))

	// A run that was killed while it wrote a line.
	log = open(true)
	log.Write(entry("d"))
	_, err = log.file.Write([]byte(`{"exportId":"x","time`))
	require.NoError(t, err)
	require.NoError(t, log.file.Close())
	require.Equal(t, []string{"a", "b", "c"}, events(t, dir))
	log = open(true)
	require.Equal(t, "d", log.Restored)
	log.Write(entry("e"))
	require.NoError(t, log.Close(t.Context()))
	require.Equal(t, []string{"a", "b", "c", "d", "e"}, events(t, dir))

	// A run that was killed while it copied the log of the one before.
	part, err := out.Create(t.Context(), "log.ndjson")
	require.NoError(t, err)
	content, err := os.ReadFile(filepath.Join(dir, "log.ndjson"))
	require.NoError(t, err)
	_, err = part.Write(content[:len(content)/2])
	require.NoError(t, err)
	require.NoError(t, part.Close())
	log = open(true)
	require.Equal(t, "e", log.Restored)
	log.Write(entry("f"))
	require.NoError(t, log.Close(t.Context()))
	require.Equal(t, []string{"a", "b", "c", "d", "e", "f"}, events(t, dir))

	// Another run.
	log = open(false)
	require.Empty(t, log.Restored)
	log.Write(entry("g"))
	require.NoError(t, log.Close(t.Context()))
	require.Equal(t, []string{"g"}, events(t, dir))
}
