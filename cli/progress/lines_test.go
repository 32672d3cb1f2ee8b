package progress

import (
	"bytes"
	"testing"
	"testing/synctest"
	"time"

	"github.com/stretchr/testify/require"
)

func TestLines(t *testing.T) {
	synctest.Test(t, func(t *testing.T) {
		var out bytes.Buffer
		d := New(&out, Options{Unit: "resource"})
		d.Status("in progress, 10%")
		d.Status("in progress, 20%")
		time.Sleep(30*time.Second + time.Second/2)
		d.Status("")
		d.Total(400_000_000, 2)
		patients := d.Item("Patient.ndjson", 200_000_000, 0)
		for range 60 {
			patients.Add(2_000_000, 1000)
			time.Sleep(time.Second)
		}
		patients.End(true)
		failed := d.Item("Observation.ndjson", 200_000_000, 0)
		failed.Add(1, 1)
		failed.End(false)
		d.Close()
		time.Sleep(time.Minute)
		_, err := d.Writer().Write([]byte("afterwards\n"))
		require.NoError(t, err)

		require.Equal(t, `in progress, 10%
in progress, 20%
15%, 60.0/400 MB, 2.03 MB/s, 2:47 left, 0/2 files, 30.0k resources
30%, 120/400 MB, 2.00 MB/s, 2:19 left, 0/2 files, 60.0k resources
Patient.ndjson: 120 MB, 60.0k resources, 1:00
afterwards
`, out.String())
	})
}

func TestCountText(t *testing.T) {
	for n, want := range map[int64]string{0: "0 files", 1: "1 file", 2: "2 files", 1_250_000: "1.25M files"} {
		if got := countText(n, "file"); got != want {
			t.Errorf("countText(%d) = %q, want %q", n, got, want)
		}
	}
}

func TestQuietPrintsOnlyWarnings(t *testing.T) {
	t.Parallel()
	var out bytes.Buffer
	d := New(&out, Options{Style: Quiet})
	d.Print("begins")
	d.Item("file", 1, 0).End(true)
	d.Warn("a warning")
	d.Close()
	require.Equal(t, "a warning\n", out.String())
}

func TestAnItemBeginsAgain(t *testing.T) {
	t.Parallel()
	d := New(&bytes.Buffer{}, Options{Style: Quiet, Unit: "resource"})
	defer d.Close()
	d.Total(200, 1)
	i := d.Item("file", 100, 50)
	i.Add(30, 3)
	i.Set(0)
	i.Add(20, 2)
	s := d.overall(time.Now())
	require.EqualValues(t, 20, s.bytes)
	require.EqualValues(t, 2, s.units)
	i.End(true)
	require.InDelta(t, 0.1, d.overall(time.Now()).fraction, 0.001)
}
