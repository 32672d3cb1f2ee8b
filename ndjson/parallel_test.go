package ndjson_test

import (
	"bytes"
	stdgzip "compress/gzip"
	"fmt"
	"io"
	"os/exec"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
)

// manyOf returns the rows of several readers, one for each list of resources. No
// reader ends before all have started.
func manyOf(lists ...[]string) []*rows {
	var all []*rows
	begun := make(chan struct{}, len(lists))
	for _, resources := range lists {
		first, rest := true, rowsOf(resources...)
		all = append(all, &rows{next: func() *source.Row {
			if first {
				first = false
				begun <- struct{}{}
			}
			if len(begun) < len(lists) {
				return row(`{"waits": true}`)
			}
			return rest.next()
		}})
	}
	return all
}

// lists returns the resources of four readers: small ones, one that is larger than
// all buffers, and none.
func lists() [][]string {
	var lists [][]string
	for n := range 3 {
		var resources []string
		for i := range 3000 {
			resources = append(resources, fmt.Sprintf(`{"n": %d, "text": "%s"}`, i, strings.Repeat(string(rune('a'+n)), i%500)))
		}
		lists = append(lists, resources)
	}
	lists[1][100] = `{"text": "` + strings.Repeat("x", 5<<20) + `"}`
	return append(lists, nil)
}

// resourcesOf returns the texts of the resources in a dump, without the rows on
// which readers waited.
func resourcesOf(t *testing.T, plain string) []string {
	t.Helper()
	var resources []string
	for line := range strings.Lines(plain) {
		require.True(t, strings.HasSuffix(line, "}\n"))
		if !strings.Contains(line, `"waits": true`) {
			_, text, _ := strings.Cut(line, `, "text": "`)
			text, _, _ = strings.Cut(text, `"`)
			resources = append(resources, text)
		}
	}
	return resources
}

// The lines of all readers are written whole, each once, and in the order of their
// reader.
func TestWriteParallel(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]ndjson.Options{"Plain": {}, "Gzip": {Gzip: true}} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			var last int64
			opts.Progress = func(rows, _ int64) { last = rows } // never two at a time: the race detector watches
			result, err := ndjson.WriteParallel(t.Context(), &out, "Patient", manyOf(lists()...), opts)
			require.NoError(t, err)
			require.EqualValues(t, out.Len(), result.Bytes)
			require.Equal(t, result.Rows, last)

			plain := out.String()
			if opts.Gzip {
				plain = unzip(t, plain)
				requireTools(t, out.Bytes(), plain)
			}
			require.EqualValues(t, len(plain), result.PlainBytes)
			require.EqualValues(t, strings.Count(plain, "\n"), result.Rows)

			got := resourcesOf(t, plain)
			var want []string
			for n, resources := range lists() {
				var mine []string
				for _, r := range resources {
					_, text, _ := strings.Cut(strings.TrimSuffix(r, `"}`), `"text": "`)
					mine = append(mine, text)
				}
				want = append(want, mine...)
				foreign := func(s string) bool { return !strings.HasPrefix(s, string(rune('a'+n))) }
				require.True(t, slices.Equal(slices.DeleteFunc(mine, foreign), slices.DeleteFunc(slices.Clone(got), foreign)), "the order of one goroutine")
			}
			slices.Sort(got)
			slices.Sort(want)
			require.True(t, slices.Equal(want, got))
		})
	}
}

// requireTools decompresses with other programs.
func requireTools(t *testing.T, packed []byte, plain string) {
	t.Helper()
	for _, tool := range [][]string{
		{"gzip", "-dc"},
		{"python3", "-c", `import sys, zlib
d = zlib.decompressobj(31)
sys.stdout.buffer.write(d.decompress(sys.stdin.buffer.read()))
assert d.eof and not d.unused_data, "more than one member"`},
	} {
		if _, err := exec.LookPath(tool[0]); err != nil {
			continue
		}
		cmd := exec.CommandContext(t.Context(), tool[0], tool[1:]...)
		cmd.Stdin = bytes.NewReader(packed)
		got, err := cmd.Output()
		require.NoError(t, err, tool)
		require.True(t, bytes.Equal(got, []byte(plain)), tool)
	}
}

// An error of one reader ends the dump and the other readers.
func TestWriteParallelFails(t *testing.T) {
	t.Parallel()
	for name, opts := range map[string]ndjson.Options{"Plain": {}, "Gzip": {Gzip: true}} {
		t.Run(name+"Reader", func(t *testing.T) {
			t.Parallel()
			var out bytes.Buffer
			_, err := ndjson.WriteParallel(t.Context(), &out, "Patient", []*rows{endless(), failing(errBroken, documents()...)}, opts)
			require.ErrorIs(t, err, errBroken)
			if opts.Gzip {
				reader, err := stdgzip.NewReader(&out)
				require.NoError(t, err)
				_, err = io.Copy(io.Discard, reader)
				require.ErrorIs(t, err, io.ErrUnexpectedEOF)
			}
		})
		t.Run(name+"Writer", func(t *testing.T) {
			t.Parallel()
			result, err := ndjson.WriteParallel(t.Context(), &brokenWriter{100_000}, "Patient", []*rows{endless(), endless()}, opts)
			require.ErrorIs(t, err, errBroken)
			require.ErrorContains(t, err, "ndjson: write Patient: ")
			require.EqualValues(t, 100_000, result.Bytes)
		})
	}
}
