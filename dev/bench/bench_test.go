package bench

import (
	"context"
	"encoding/json"
	"io"
	"os"
	"os/exec"
	"path/filepath"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/dev/s3"
)

func TestMain(m *testing.M) {
	s3.ServeIfGateway()
	os.Exit(m.Run())
}

// A small run takes all measures, and the files and dumps that it counts are complete.
func TestRun(t *testing.T) {
	t.Parallel()
	if testing.Short() {
		t.Skip("it takes some seconds")
	}
	for _, needed := range []string{"bash", "curl", "gzip"} {
		if _, err := exec.LookPath(needed); err != nil {
			t.Skip(needed + " is not on the PATH")
		}
	}
	program := filepath.Join(t.TempDir(), "sluice")
	build := exec.CommandContext(t.Context(), "go", "build", "-o", program, ".")
	build.Dir = filepath.Join("..", "..")
	out, err := build.CombinedOutput()
	require.NoError(t, err, string(out))

	report, err := Run(t.Context(), Options{
		Program: program, LogDir: t.TempDir(), Size: 1 << 20, Rounds: 1, Form: "stored", FirstRows: 1000, KickOffs: 5, Log: t.Output(),
	})
	require.NoError(t, err)
	t.Logf("\n%s", report)

	for _, m := range report.Measures {
		require.Len(t, m.Samples, 1, m.Name)
		require.Positive(t, m.Samples[0].Seconds, m.Name)
		for _, c := range m.Against {
			require.Positive(t, report.speed(m, c.Name), "%s against %s", m.Name, c.Name)
		}
	}
	plain := report.find(wholeDump).Samples[0]
	require.Greater(t, plain.Bytes, report.find(wholeDump).Text, "the merged columns come on top")
	require.Less(t, report.find("$dump gzip").Samples[0].Bytes, plain.Bytes/2)
	require.Len(t, report.Latencies, 2)
	require.Len(t, report.Latencies[0].Millis, firstBytes)
	require.Len(t, report.Latencies[1].Millis, 5)

	path := filepath.Join(t.TempDir(), "bench.json")
	require.NoError(t, report.WriteFile(path))
	content, err := os.ReadFile(path)
	require.NoError(t, err)
	var read Report
	require.NoError(t, json.Unmarshal(content, &read))
	require.Equal(t, report.String(), read.String())
}

// Incomplete data is an error.
func TestWrongDataIsAnError(t *testing.T) {
	t.Parallel()
	h := &harness{opts: Options{Log: io.Discard}}
	lines := int64(10)
	m := &measure{
		Measure: Measure{Name: "$dump", Rows: 10},
		lines:   func(context.Context) (int64, error) { return lines, nil },
	}
	require.NoError(t, h.check(t.Context(), []*measure{m}))
	lines = 9
	require.EqualError(t, h.check(t.Context(), []*measure{m}), "$dump returned 9 lines for 10 rows")
}

// The selected measures and those they are compared with, in the order of a round.
func TestChoose(t *testing.T) {
	t.Parallel()
	all := []*measure{
		{Measure: Measure{Name: "COPY"}},
		{Measure: Measure{Name: "COPY merged", Against: []Comparison{{Name: "COPY"}}}},
		{Measure: Measure{Name: "$dump gzip", Against: []Comparison{{Name: "COPY"}}}},
	}
	h := &harness{opts: Options{Only: "DUMP"}}
	require.Equal(t, []*measure{all[0], all[2]}, h.choose(all))
	h.opts.Only = ""
	require.Equal(t, all, h.choose(all))
}

// Slow measures do not run in every round.
func TestRounds(t *testing.T) {
	t.Parallel()
	var order string
	run := func(name string) func(context.Context) (Sample, error) {
		return func(context.Context) (Sample, error) {
			order += name
			return Sample{}, nil
		}
	}
	h := &harness{opts: Options{Rounds: 4, Log: io.Discard}}
	a, b := &measure{run: run("a")}, &measure{run: run("b"), slow: true}
	require.NoError(t, h.rounds(t.Context(), []*measure{a, b}))
	require.Equal(t, "ababaa", order)
	require.Len(t, a.Samples, 4)
	require.Len(t, b.Samples, 2)
}
