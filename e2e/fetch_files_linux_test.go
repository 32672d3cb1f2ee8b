package e2e

import (
	"encoding/binary"
	"fmt"
	"os"
	"testing"

	"github.com/stretchr/testify/require"
	"golang.org/x/sys/unix"

	"github.com/seed-90096f4d/sluice/fetch/fetchtest"
)

// A fetch is killed when its directory changes for the nth time: between the steps of
// writing its state, its files and its manifest.
func TestFetchKilledAtChangesOfFiles(t *testing.T) {
	t.Parallel()
	options := fetchtest.Options{Files: fetchFiles(), TransactionTime: sameTime, Encoding: fetchtest.Negotiated}
	undisturbed := newFetcher(t)
	counted := watch(t, undisturbed.dir, 0, nil)
	want := undisturbed.complete(fetchtest.New(t, options).BaseURL)
	changes := counted()
	require.Greater(t, changes, 10)

	const kills = 24
	for i := range kills {
		n := 1 + i*changes/kills
		t.Run(fmt.Sprint("change ", n), func(t *testing.T) {
			t.Parallel()
			s := fetchtest.New(t, options)
			f := newFetcher(t)
			stop := watch(t, f.dir, n, f.kill)
			f.run(s.BaseURL)
			stop()
			if !f.isComplete() { // else the kill came too late
				f.complete(s.BaseURL)
			}
			requireSameFiles(t, want, directoryContent(t, f.dir))
		})
	}
}

// watch counts changes of a directory: files that are created, closed after writing,
// renamed or removed. It calls reached at the nth. stop returns the number of changes.
func watch(t *testing.T, dir string, n int, reached func()) (stop func() int) {
	t.Helper()
	fd, err := unix.InotifyInit1(unix.IN_CLOEXEC | unix.IN_NONBLOCK)
	require.NoError(t, err)
	watched := os.NewFile(uintptr(fd), "inotify")
	_, err = unix.InotifyAddWatch(fd, dir, unix.IN_CREATE|unix.IN_CLOSE_WRITE|unix.IN_MOVED_TO|unix.IN_DELETE)
	require.NoError(t, err)
	count := make(chan int, 1)
	go func() {
		changes := 0
		buffer := make([]byte, 64<<10)
		for {
			length, err := watched.Read(buffer)
			if err != nil {
				count <- changes
				return
			}
			for events := buffer[:length]; len(events) > 0; {
				changes++
				if changes == n {
					reached()
				}
				nameLength := binary.NativeEndian.Uint32(events[12:])
				events = events[unix.SizeofInotifyEvent+nameLength:]
			}
		}
	}()
	return func() int {
		_ = watched.Close() // which ends Read
		return <-count
	}
}

// A fetch that continues a chain is killed when the directory of the chain changes for the
// nth time: each link is complete, and follows the one before.
func TestFetchChainKilledAtChangesOfFiles(t *testing.T) {
	t.Parallel()
	options := fetchtest.Options{Files: fetchFiles()[:2]}
	undisturbed, s := newFetcher(t, "--since=auto"), fetchtest.New(t, options)
	undisturbed.complete(s.BaseURL)
	counted := watch(t, undisturbed.dir, 0, nil)
	undisturbed.complete(s.BaseURL)
	for n := range counted() {
		t.Run(fmt.Sprint("change ", n+1), func(t *testing.T) {
			t.Parallel()
			f := newFetcher(t, "--since=auto")
			s := fetchtest.New(t, options)
			f.complete(s.BaseURL)
			stop := watch(t, f.dir, n+1, f.kill)
			f.run(s.BaseURL)
			stop()
			f.complete(s.BaseURL) // continues the second copy, or is the third one
			f.complete(s.BaseURL)

			last := ""
			for _, since := range sinces(s) {
				require.GreaterOrEqual(t, since, last, "the chain goes forward")
				last = since
			}
			folders := f.runs()
			require.GreaterOrEqual(t, len(folders), 3)
			for _, files := range folders {
				require.Equal(t, []string{"Patient.0001.ndjson.gz", "Patient.0002.ndjson.gz", "manifest.json"}, files)
			}
		})
	}
}
