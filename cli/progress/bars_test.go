package progress

import (
	"bytes"
	"fmt"
	"io"
	"strings"
	"testing"
	"testing/synctest"
	"time"

	"github.com/mattn/go-runewidth"
	"github.com/stretchr/testify/require"
	"github.com/vbauerster/mpb/v8"
)

// terminal is a terminal for mpb that keeps what is on it.
type terminal struct {
	bytes.Buffer
	width   int
	rows    []string // drawn in place
	printed []string // above them
}

func (*terminal) IsTerminal() bool                 { return true }
func (t *terminal) GetTermSize() (int, int, error) { return t.width, 24, nil }

func (t *terminal) Flush(rows int) error {
	lines := strings.SplitAfter(t.String(), "\n")
	lines = lines[:len(lines)-1] // what follows the last line feed
	t.Reset()
	t.printed = append(t.printed, lines[:len(lines)-rows]...)
	t.rows = lines[len(lines)-rows:]
	return nil
}

// newTerminal returns a display with bars on a terminal.
func newTerminal(width int, options Options) (*Display, *terminal) {
	screen := &terminal{width: width}
	d := New(io.Discard, Options{Style: Quiet, Item: options.Item, Unit: options.Unit})
	d.view, d.quiet = newBars(d, io.Discard, mpb.WithConsoleWriter(screen)), false
	return d, screen
}

// redraw waits until everything that happened is drawn.
func redraw() {
	time.Sleep(2 * refresh)
	synctest.Wait()
}

func TestRowsFitOnTerminalsOfEachWidth(t *testing.T) {
	for _, width := range []int{20, 30, 40, 60, 80, 81, 100, 132, 200, 400} {
		synctest.Test(t, func(t *testing.T) {
			d, screen := newTerminal(width, Options{Unit: "resource"})
			defer d.Close()
			d.Status("export runs: 45 %")
			d.Total(9_999_000_000_000, 12_000)
			items := []*Item{
				d.Item("Patient.0001.ndjson.gz", 999_500_000, 0),
				d.Item(strings.Repeat("MedicationAdministration", 20)+".0001.ndjson.gz", 0, 0),
				d.Item("患者の記録患者の記録患者の記録患者の記録患者の記録患者の記録.ndjson", 5_000_000_000_000, 1),
			}
			for range 20 {
				for _, i := range items {
					i.Add(12_345_678, 1_234_567)
				}
				time.Sleep(time.Second)
			}
			redraw()

			require.Len(t, screen.rows, 5)
			for _, row := range screen.rows {
				require.Less(t, runewidth.StringWidth(strings.TrimSuffix(row, "\n")), width, row)
			}
			if width >= 80 {
				require.Contains(t, screen.rows[0], "Patient.0001.ndjson.gz")
				require.Regexp(t, `^Medication.*….*0001\.ndjson\.gz `, screen.rows[1])
				for _, row := range append(screen.rows[:3:3], screen.rows[4]) {
					name, _, _ := strings.Cut(row, "[")
					require.Equal(t, min(width-50, 41), runewidth.StringWidth(name), row)
				}
			}
		})
	}
}

func TestBarsAt80And200Columns(t *testing.T) {
	for width, want := range map[int][]string{
		80: {
			"Patient.0001.ndjson.gz        [=>------]  25%    200/800 MB  9.74 MB/s     1:02",
			"Observation.0001.ndjson.gz    [--------]             100 MB  4.87 MB/s     -:--",
			"1/4 files, 3.50k resources    [===>----]  50%  1.30/2.60 GB  14.6 MB/s     1:28",
		},
		200: {
			"Patient.0001.ndjson.gz                   [===========>------------------------------------]  25%    200/800 MB  9.74 MB/s     1:02  2.00k resources",
			"Observation.0001.ndjson.gz               [------------------------------------------------]             100 MB  4.87 MB/s     -:--  500 resources",
			"1/4 files, 3.50k resources               [=======================>------------------------]  50%  1.30/2.60 GB  14.6 MB/s     1:28",
		},
	} {
		t.Run(fmt.Sprint(width), func(t *testing.T) {
			synctest.Test(t, func(t *testing.T) {
				d, screen := newTerminal(width, Options{Unit: "resource"})
				defer d.Close()
				d.Total(2_600_000_000, 4)
				done := d.Item("Group.0001.ndjson.gz", 1_000_000_000, 1_000_000_000)
				done.Add(0, 1000)
				done.End(true)
				patients := d.Item("Patient.0001.ndjson.gz", 800_000_000, 0)
				observations := d.Item("Observation.0001.ndjson.gz", 0, 0)
				for range 20 {
					time.Sleep(time.Second)
					patients.Add(10_000_000, 100)
					observations.Add(5_000_000, 25)
				}
				redraw()
				for i, row := range screen.rows {
					require.Equal(t, want[i], strings.TrimSuffix(row, "\n"))
				}
			})
		})
	}
}

func TestEndedItemsLeaveTheTerminal(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, screen := newTerminal(80, Options{})
		d.Status("preparing")
		redraw()
		require.Len(t, screen.rows, 1)
		require.Contains(t, screen.rows[0], "preparing  0:00")
		d.Status("")

		good, bad := d.Item("good", 100, 0), d.Item("bad\x1b[31m", 100, 0)
		good.Add(60, 0)
		bad.Add(60, 0)
		redraw()
		require.Len(t, screen.rows, 3)
		require.Contains(t, screen.rows[1], "bad·[31m")

		good.End(true)
		bad.End(false)
		bad.End(true) // has no effect
		d.Warn("bad: connection reset")
		redraw()
		require.Len(t, screen.rows, 1)
		require.Contains(t, screen.rows[0], "1 file ")
		require.Contains(t, screen.rows[0], " 60 B")
		require.Equal(t, []string{"bad: connection reset\n"}, screen.printed)

		d.Close()
		require.Empty(t, screen.rows)
	})
}

func TestItemsBeyondTheHeightAreShownLater(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, screen := newTerminal(80, Options{})
		defer d.Close()
		var items []*Item
		for i := range 50 {
			items = append(items, d.Item(fmt.Sprintf("file %02d", i), 100, 0))
		}
		redraw()
		require.Len(t, screen.rows, 22)
		require.Contains(t, screen.rows[20], "file 20")
		items[3].End(true)
		redraw()
		require.Len(t, screen.rows, 22)
		require.Contains(t, screen.rows[3], "file 04")
		require.Contains(t, screen.rows[20], "file 21")
	})
}

func TestRemainingTimeWithoutSizes(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		d, screen := newTerminal(80, Options{})
		defer d.Close()
		d.Total(0, 10)
		for range 5 {
			i := d.Item("file", 0, 0)
			time.Sleep(10 * time.Second)
			i.End(true)
		}
		redraw()
		require.Contains(t, screen.rows[0], " 50% ")
		require.Regexp(t, ` 0:(49|50|51)\n`, screen.rows[0])
	})
}
