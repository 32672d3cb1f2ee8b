package ndjson_test

import (
	"context"
	"errors"
	"fmt"
	"io"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
)

// block is the data of a patient: texts of observations.
type block struct {
	id    string
	size  int64
	texts []string
}

func blocksOf(blocks ...block) func(to *ndjson.PatientBlockWriter) error {
	return func(to *ndjson.PatientBlockWriter) error {
		for _, b := range blocks {
			if err := to.Begin([]byte(b.id), b.size); err != nil {
				return err
			}
			for i, text := range b.texts {
				row := source.Row{ID: fmt.Appendf(nil, "%s-%d", b.id, i), Resource: []byte(`{"text": "` + text + `"}`)}
				if err := to.Row("Observation", &row); err != nil {
					return err
				}
			}
		}
		return nil
	}
}

// writePatientBlocks calls blocks with a writer and finishes it.
func writePatientBlocks(t *testing.T, next ndjson.NextFunc, blocks func(to *ndjson.PatientBlockWriter) error, opts ndjson.PatientBlockOptions) (ndjson.Result, []ndjson.File, error) {
	t.Helper()
	to := ndjson.NewPatientBlockWriter(t.Context(), next, opts)
	defer to.Close()
	return to.Finish(blocks(to))
}

func writeBlocks(t *testing.T, limit int64, blocks ...block) ([]string, []ndjson.File) {
	t.Helper()
	var out many
	opts := ndjson.PatientBlockOptions{Type: "Patient", Options: ndjson.Options{MaxFileBytes: limit, Format: ndjson.Format{FHIR: true}}}
	result, files, err := writePatientBlocks(t, out.next, blocksOf(blocks...), opts)
	require.NoError(t, err)
	require.Len(t, files, len(out.files))
	var texts []string
	var rows int64
	for i, file := range files {
		text := out.files[i].String()
		require.EqualValues(t, len(text), file.PlainBytes)
		require.EqualValues(t, strings.Count(text, "\n")-strings.Count(text, `{"resourceType":"Parameters"`), file.Rows, "headers are not counted")
		require.EqualValues(t, longestLine(text), file.MaxLineBytes)
		rows += file.Rows
		texts = append(texts, text)
	}
	require.Positive(t, result.Rows)
	require.Equal(t, result.Rows, rows)
	return texts, files
}

const observation = `{"id":"%s-%d","meta":{"versionId":0},"text":"%s","resourceType":"Observation"}` + "\n"

func header(id string) string {
	return `{"resourceType":"Parameters","parameter":[{"name":"header","valueReference":{"reference":"Patient/` + id + `"}}]}` + "\n"
}

// reassemble joins blocks as a client does: by their headers, and by Continues.
func reassemble(t *testing.T, texts []string, files []ndjson.File) map[string]string {
	t.Helper()
	blocks := map[string]string{}
	current, continued := "", false
	for i, text := range texts {
		require.True(t, strings.HasPrefix(text, `{"resourceType":"Parameters"`), "each file begins with a header")
		for n, line := range strings.SplitAfter(strings.TrimSuffix(text, "\n"), "\n") {
			id, isHeader := strings.CutPrefix(strings.TrimSpace(line), `{"resourceType":"Parameters","parameter":[{"name":"header","valueReference":{"reference":"Patient/`)
			if !isHeader {
				require.NotEmpty(t, current)
				blocks[current] += strings.TrimSpace(line) + "\n"
				continue
			}
			id = strings.TrimSuffix(id, `"}}]}`)
			if n == 0 {
				require.Equal(t, continued, id == current, "file %d", i)
			}
			if id != current {
				require.NotContains(t, blocks, id)
			}
			current = id
		}
		require.NotContains(t, text[strings.LastIndexByte(text[:len(text)-1], '\n')+1:], `"Parameters"`, "no header without a resource")
		continued = files[i].Continues
	}
	require.False(t, continued)
	return blocks
}

// With any limit, the blocks are complete, no file exceeds the limit, and no block
// is split that fits into one file.
func TestPatientBlocks(t *testing.T) {
	t.Parallel()
	blocks := []block{
		{"a", 100, []string{"1", "2"}},
		{"b", 0, []string{strings.Repeat("x", 300)}},
		{`c`, 1, []string{"1", strings.Repeat("y", 1000), "3", "4", "5"}},
		{"d", 1 << 30, []string{"1"}},
	}
	want := map[string]string{}
	for _, b := range blocks {
		for i, text := range b.texts {
			want[b.id] += fmt.Sprintf(observation, b.id, i, text)
		}
	}
	whole, _ := writeBlocks(t, 0, blocks...)
	require.Len(t, whole, 1)
	var together strings.Builder
	for _, b := range blocks {
		together.WriteString(header(b.id) + want[b.id])
	}
	require.Equal(t, together.String(), whole[0])

	line := int64(len(fmt.Sprintf(observation, "c", 1, strings.Repeat("y", 1000))))
	for limit := int64(1); limit <= int64(len(whole[0])); limit += 7 {
		texts, files := writeBlocks(t, limit, blocks...)
		require.Equal(t, want, reassemble(t, texts, files), limit)
		for i, file := range files {
			if file.PlainBytes > limit {
				require.EqualValues(t, 1, file.Rows, "a header and a line that is too long")
				require.LessOrEqual(t, file.PlainBytes, line+int64(len(header("c"))))
			}
			if file.Continues {
				last := texts[i][strings.LastIndex(texts[i], `{"resourceType":"Parameters"`):]
				id := last[strings.Index(last, "Patient/")+8:][:1]
				require.Greater(t, int64(len(header(id)+want[id])), limit, "%s is cut, and need not be", id)
			}
		}
	}
}

// A block that is too long to be held back is not split either if its size is known
// or it can have a file of its own.
func TestLongBlocks(t *testing.T) {
	t.Parallel()
	long := make([]string, 60)
	for i := range long {
		long[i] = strings.Repeat("x", 100_000)
	}
	for _, size := range []int64{0, 6_000_000} {
		blocks := []block{{"a", 10, []string{"1"}}, {"b", size, long}, {"c", 10, []string{"1"}}}
		texts, files := writeBlocks(t, 7_000_000, blocks...)
		require.Len(t, files, 2)
		require.Equal(t, header("a")+fmt.Sprintf(observation, "a", 0, "1"), texts[0])
		require.False(t, files[0].Continues)
		require.Contains(t, texts[1], header("c"))
		reassemble(t, texts, files)

		texts, files = writeBlocks(t, 5_000_000, blocks...)
		require.Len(t, files, 3)
		require.Equal(t, []bool{false, true, false}, []bool{files[0].Continues, files[1].Continues, files[2].Continues})
		require.True(t, strings.HasPrefix(texts[2], header("b")))
		reassemble(t, texts, files)
	}
	texts, files := writeBlocks(t, 30_000_000, block{"a", 10, []string{"1"}}, block{"b", 6_000_000, long})
	require.Len(t, files, 1, "there is room even if it is four times as long")
	reassemble(t, texts, files)
}

// Aidbox's format has its own headers, elements depend on the type, and values that
// could not be converted are reported.
func TestBlocksInFormats(t *testing.T) {
	t.Parallel()
	var out many
	opts := ndjson.PatientBlockOptions{Type: "Patient"}
	_, _, err := writePatientBlocks(t, out.next, blocksOf(block{"a\"\n", 0, []string{"1"}}), opts)
	require.NoError(t, err)
	require.True(t, strings.HasPrefix(out.files[0].String(),
		`{"parameter": [{"name": "header", "value": {"Reference": {"id": "a\"\n", "resourceType": "Patient"}}}], "resourceType": "Parameters"}`+"\n"))

	out = many{}
	var issues []ndjson.Issue
	opts.Format.FHIR = true
	opts.Issue = func(issue ndjson.Issue) { issues = append(issues, issue) }
	opts.Elements = func(resourceType string) []string { return []string{"text" + resourceType} }
	_, _, err = writePatientBlocks(t, out.next, blocksOf(block{"a\"\n", 0, []string{"1"}}), opts)
	require.NoError(t, err)
	lines := strings.Split(out.files[0].String(), "\n")
	require.Equal(t, strings.TrimSuffix(header(`a\"\n`), "\n"), lines[0])
	require.NotContains(t, lines[1], `"text"`)
	require.Contains(t, lines[1], "SUBSETTED")
}

func TestPatientBlocksFail(t *testing.T) {
	t.Parallel()
	lost := errors.New("lost")
	failing := func(to *ndjson.PatientBlockWriter) error {
		return errors.Join(blocksOf(block{"a", 0, []string{"1"}})(to), lost)
	}
	_, files, err := writePatientBlocks(t, func(context.Context) (io.Writer, error) { return io.Discard, nil }, failing, ndjson.PatientBlockOptions{Type: "Patient"})
	require.ErrorIs(t, err, lost)
	require.Empty(t, files, "none is whole")

	full := errors.New("full")
	_, _, err = writePatientBlocks(t, func(context.Context) (io.Writer, error) { return nil, full }, blocksOf(block{"a", 0, []string{"1"}}), ndjson.PatientBlockOptions{Type: "Patient"})
	require.ErrorIs(t, err, full)
	_, files, err = writePatientBlocks(t, func(context.Context) (io.Writer, error) { return nil, full }, blocksOf(), ndjson.PatientBlockOptions{Type: "Patient"})
	require.NoError(t, err)
	require.Empty(t, files)
}
