package pass_test

import (
	"bufio"
	"bytes"
	"cmp"
	"context"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/parquet-go/parquet-go"
	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/ndjson"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/table/pass"
	"github.com/seed-90096f4d/sluice/view"
)

// Several views of a type are evaluated in one pass, on the columns of the row and on both
// forms of jsonb.
func TestViews(t *testing.T) {
	t.Parallel()
	names := parse(t, "names", `"select": [{"column": [{"name": "id", "path": "id"}, {"name": "version", "path": "meta.versionId"},
		{"name": "tags", "path": "meta.tag.code", "collection": true}, {"name": "dead", "path": "deceased.ofType(boolean)"}]},
		{"forEach": "name", "column": [{"name": "family", "path": "family"}]}]`)
	all := []string{
		`{"meta": {"tag": [{"code": "x"}]}, "name": [{"family": "A"}, {"family": "B"}], "gender": "male"}`,
		`{"name": [{"family": "C"}], "gender": "female", "deceased": {"boolean": true}}`,
		`{}`,
	}
	for name, form := range map[string]func(*source.Row) *source.Row{
		"Text": func(r *source.Row) *source.Row { return r }, "Stored": stored,
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			var first, second, third files
			var progress []int64
			result, err := run(t, pass.Options{Progress: func(rows, _ int64) { progress = append(progress, rows) }},
				rowsOf(form(row("1", all[0])), form(row("2", all[1])), form(row("3", all[2]))),
				first.output(patients(t), table.CSV), second.output(names, table.NDJSON), third.output(names, table.JSON))
			require.NoError(t, err)

			require.Equal(t, "id,gender\n1,male\n2,female\n3,\n", first.all[0].String())
			lines := []string{
				`{"id":"1","version":"481","tags":["x"],"dead":null,"family":"A"}`,
				`{"id":"1","version":"481","tags":["x"],"dead":null,"family":"B"}`,
				`{"id":"2","version":"481","tags":[],"dead":true,"family":"C"}`,
			}
			require.Equal(t, strings.Join(lines, "\n")+"\n", second.all[0].String())
			require.JSONEq(t, "["+strings.Join(lines, ",")+"]", third.all[0].String())

			require.EqualValues(t, 3, result.Resources)
			require.Positive(t, result.StoredBytes)
			require.Equal(t, []int64{3}, progress)
			require.Equal(t, [][]pass.File{
				{{Rows: 3, Bytes: int64(first.all[0].Len())}},
				{{Rows: 3, Bytes: int64(second.all[0].Len())}},
				{{Rows: 3, Bytes: int64(third.all[0].Len())}},
			}, result.Files)
		})
	}
}

// The rows of several readers are written once each.
func TestSeveralReaders(t *testing.T) {
	t.Parallel()
	const count = 3000
	var read atomic.Int64
	readers := []*rows{numbered("a", count, &read), numbered("b", count, &read), numbered("c", count, &read), rowsOf()}
	var first, second files
	var last int64
	result, err := pass.Run(t.Context(), "Patient", readers, []pass.Output{
		first.output(patients(t), table.NDJSON), second.output(patients(t), table.CSV),
	}, pass.Options{Progress: func(rows, _ int64) { last = rows }}) // never two at a time: the race detector watches
	require.NoError(t, err)
	require.EqualValues(t, 3*count, result.Resources)
	require.EqualValues(t, 3*count, last)
	require.EqualValues(t, 3*count, result.Files[0][0].Rows)
	require.EqualValues(t, 3*count, result.Files[1][0].Rows)

	lines := strings.Split(strings.TrimSpace(first.all[0].String()), "\n")
	slices.Sort(lines)
	require.Len(t, slices.Compact(lines), 3*count)
	require.Equal(t, 3*count+1, strings.Count(second.all[0].String(), "\n"))
}

// Without readers, or without rows, there is one file, unless files are split.
func TestNoRows(t *testing.T) {
	t.Parallel()
	for _, readers := range [][]*rows{nil, {rowsOf()}, {rowsOf(), rowsOf()}} {
		var whole, split files
		_, err := pass.Run(t.Context(), "Patient", readers, []pass.Output{whole.output(patients(t), table.CSV)}, pass.Options{})
		require.NoError(t, err)
		require.Len(t, whole.all, 1)
		require.Equal(t, "id,gender\n", whole.all[0].String())

		result, err := pass.Run(t.Context(), "Patient", readers, []pass.Output{split.output(patients(t), table.CSV)}, pass.Options{MaxFileBytes: 1})
		require.NoError(t, err)
		require.Empty(t, split.all)
		require.Len(t, result.Files, 1)
		require.Empty(t, result.Files[0])
	}
}

// Each file is complete, and together they have all rows.
func TestFiles(t *testing.T) {
	t.Parallel()
	const count, size = 20_000, 100_000
	for _, format := range []table.Format{table.CSV, table.NDJSON} {
		t.Run(string(format), func(t *testing.T) {
			t.Parallel()
			var read atomic.Int64
			var whole, split files
			result, err := pass.Run(t.Context(), "Patient", []*rows{numbered("a", count, &read), numbered("b", count, &read)}, []pass.Output{
				split.output(patients(t), format),
			}, pass.Options{MaxFileBytes: size})
			require.NoError(t, err)
			_, err = pass.Run(t.Context(), "Patient", []*rows{numbered("a", count, &read), numbered("b", count, &read)}, []pass.Output{
				whole.output(patients(t), format),
			}, pass.Options{})
			require.NoError(t, err)

			require.Greater(t, len(split.all), 3)
			require.Len(t, result.Files[0], len(split.all))
			var got []string
			for i, file := range split.all {
				lines := strings.Split(strings.TrimSpace(file.String()), "\n")
				if format == table.CSV {
					require.Equal(t, "id,gender", lines[0])
					lines = lines[1:]
				}
				require.EqualValues(t, len(lines), result.Files[0][i].Rows)
				require.EqualValues(t, file.Len(), result.Files[0][i].Bytes)
				require.Less(t, file.Len(), 2*size)
				if i < len(split.all)-1 {
					require.GreaterOrEqual(t, file.Len(), size)
				}
				got = append(got, lines...)
			}
			want := strings.Split(strings.TrimSpace(whole.all[0].String()), "\n")
			if format == table.CSV {
				want = want[1:]
			}
			slices.Sort(want)
			slices.Sort(got)
			require.True(t, slices.Equal(want, got))
		})
	}
}

// A limit is exact, also with several readers that never end, and ends the reading.
func TestLimit(t *testing.T) {
	t.Parallel()
	for _, limit := range []int64{1, 7, 5000} {
		for _, readers := range []int{1, 3} {
			var read atomic.Int64
			var many []*rows
			for range readers {
				many = append(many, numbered("p", -1, &read))
			}
			var first, second files
			males := parse(t, "few", `"where": [{"path": "getResourceKey() = 'p100'"}], "select": [{"column": [{"name": "id", "path": "id"}]}]`)
			outputs := []pass.Output{first.output(patients(t), table.CSV), second.output(product(t), table.CSV)}
			if readers > 1 {
				outputs[1] = second.output(patients(t), table.NDJSON)
			}
			if limit == 1 {
				outputs[1] = second.output(males, table.NDJSON)
			} else if readers == 1 {
				outputs = outputs[:1]
			}
			result, err := pass.Run(t.Context(), "Patient", many, outputs, pass.Options{Limit: limit})
			require.NoError(t, err)
			for _, f := range result.Files {
				require.Equal(t, limit, f[0].Rows)
			}
			require.EqualValues(t, limit+1, strings.Count(first.all[0].String(), "\n"))
			require.Less(t, read.Load(), 2*limit+1000, "it went on reading")
		}
	}
}

// A limit ends the rows of one resource.
func TestLimitInProduct(t *testing.T) {
	t.Parallel()
	var out files
	result, err := run(t, pass.Options{Limit: 10}, rowsOf(row("1", crowd(10_000))), out.output(product(t), table.CSV))
	require.NoError(t, err)
	require.EqualValues(t, 10, result.Files[0][0].Rows)
}

// The first row can be read at the other end although no other follows, and so can later
// ones, after a while.
func TestRowsArrive(t *testing.T) {
	t.Parallel()
	read, written := io.Pipe()
	seen := make(chan struct{})
	given := 0
	from := &rows{next: func() *source.Row {
		if given++; given == 2 {
			<-seen
		}
		select {
		case <-seen:
			return nil
		default:
			return row("1", `{"gender": "male"}`)
		}
	}}
	ended := make(chan error, 1)
	buffered := bufio.NewWriterSize(written, 1<<20)
	output := to(flusher{buffered}, patients(t), table.NDJSON)
	go func() {
		_, err := pass.Run(t.Context(), "Patient", []*rows{from}, []pass.Output{output}, pass.Options{})
		ended <- errors.Join(err, buffered.Flush(), written.Close())
	}()
	lines := bufio.NewScanner(read)
	require.True(t, lines.Scan())
	seen <- struct{}{}
	for range 100 { // more than were read at once, and fewer than a batch
		require.True(t, lines.Scan())
	}
	close(seen)
	for lines.Scan() {
	}
	require.NoError(t, lines.Err())
	require.NoError(t, <-ended)
}

// flusher implements the Flush of http.Flusher.
type flusher struct{ *bufio.Writer }

func (f flusher) Flush() { _ = f.Writer.Flush() }

// A view sees the stored meta, and the version as FHIR has it, whatever the style.
func TestMeta(t *testing.T) {
	t.Parallel()
	v := parse(t, "meta", `"select": [{"column": [{"name": "tags", "path": "meta.tag.code", "collection": true}, {"name": "version", "path": "meta.versionId"},
		{"name": "created", "path": "meta.extension('urn:created').value.ofType(instant)"}]}]`)
	var out files
	_, err := run(t, pass.Options{Format: ndjson.Format{Elements: []string{"name"}, Style: fhir.Style{CreatedAtURL: "urn:created"}}},
		rowsOf(row("1", `{}`)), out.output(v, table.NDJSON))
	require.NoError(t, err)
	require.JSONEq(t, `{"tags":[],"version":"481","created":"2021-06-10T08:26:10.707454Z"}`, out.all[0].String())
}

// A resource that is not an object has no rows, and is reported, as is an element that a
// view cannot see.
func TestIssues(t *testing.T) {
	t.Parallel()
	v := parse(t, "dead", `"select": [{"column": [{"name": "id", "path": "id"}, {"name": "dead", "path": "deceased.ofType(boolean)"}]}]`)
	var out files
	var issues []ndjson.Issue
	result, err := run(t, pass.Options{Issue: func(i ndjson.Issue) { issues = append(issues, i) }},
		rowsOf(row("1", `[]`), stored(row("2", `"x"`)), row("3", `{"name": 1, "deceased": 1}`)), out.output(v, table.CSV))
	require.NoError(t, err)
	require.Equal(t, "id,dead\n3,\n", out.all[0].String())
	require.EqualValues(t, 3, result.Resources)
	require.EqualValues(t, 3, result.Issues)
	require.Len(t, issues, 3)
	require.True(t, issues[0].Omitted && issues[1].Omitted)
	require.Equal(t, "3", issues[2].ID)
	require.Equal(t, "Patient.deceased", issues[2].Path, "no view reads the name")
}

// References to the FHIR server have keys, others have none.
func TestBaseURL(t *testing.T) {
	t.Parallel()
	v := parse(t, "keys", `"select": [{"column": [{"name": "id", "path": "id"}, {"name": "key", "path": "managingOrganization.getReferenceKey()"}]}]`)
	var out files
	_, err := run(t, pass.Options{Format: ndjson.Format{Style: fhir.Style{AttachmentBaseURL: "https://example.org/fhir"}}}, rowsOf(
		row("1", `{"managingOrganization": {"uri": "https://example.org/fhir/Organization/o1"}}`),
		row("2", `{"managingOrganization": {"uri": "https://example.com/fhir/Organization/o2"}}`),
	), out.output(v, table.CSV))
	require.NoError(t, err)
	require.Equal(t, "id,key\n1,o1\n2,\n", out.all[0].String())
}

// An error of a view names the resource, the view and the column, not the value.
func TestResourceError(t *testing.T) {
	t.Parallel()
	for column, resource := range map[string]string{
		`{"name": "x", "path": "name.family"}`: `{"name": [{"family": "secret"}, {"family": "secret"}]}`,
		`{"name": "x", "path": "gender", "type": "code", "tag": [{"name": "ansi/type", "value": "VARCHAR(2)"}]}`: `{"gender": "secret"}`,
	} {
		v := parse(t, "bad", `"select": [{"column": [`+column+`]}]`)
		var out files
		_, err := run(t, pass.Options{}, rowsOf(row("1", `{}`), row("2", resource)), out.output(v, table.CSV))
		var failed *pass.ResourceError
		require.ErrorAs(t, err, &failed)
		require.Equal(t, "Patient", failed.ResourceType)
		require.Equal(t, "2", failed.ID)
		require.Equal(t, "bad", failed.View)
		var data *view.DataError
		require.ErrorAs(t, err, &data)
		require.Equal(t, "x", data.Column)
		require.Contains(t, err.Error(), "pass: Patient/2: view bad: column x")
		require.NotContains(t, err.Error(), "secret")
	}
}

var errBroken = errors.New("broken")

// The first error ends all readers.
func TestErrors(t *testing.T) {
	t.Parallel()
	endless := func() *rows { return numbered("p", -1, &atomic.Int64{}) }
	malformed := row("bad", "secret")
	malformed.Stored = true
	failing := rowsOf(row("1", `{}`))
	failing.err = errBroken
	broken := pass.Output{View: patients(t), Options: table.Options{Format: table.CSV}, Next: func(context.Context) (io.Writer, error) { return nil, errBroken }}

	for name, test := range map[string]struct {
		readers []*rows
		output  pass.Output
		want    string
	}{
		"Read":      {[]*rows{endless(), failing}, to(io.Discard, patients(t), table.CSV), "pass: read Patient: broken"},
		"Write":     {[]*rows{endless(), endless()}, to(brokenWriter{}, patients(t), table.CSV), "pass: write patients: "},
		"Next":      {[]*rows{endless(), endless()}, broken, "pass: write patients: broken"},
		"NextEmpty": {[]*rows{rowsOf()}, broken, "pass: write patients: broken"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			_, err := pass.Run(t.Context(), "Patient", test.readers, []pass.Output{test.output}, pass.Options{})
			require.ErrorIs(t, err, errBroken)
			require.ErrorContains(t, err, test.want)
		})
	}
	t.Run("Malformed", func(t *testing.T) {
		t.Parallel()
		_, err := pass.Run(t.Context(), "Patient", []*rows{endless(), rowsOf(malformed)}, []pass.Output{to(io.Discard, patients(t), table.CSV)}, pass.Options{})
		var wrong *source.MalformedError
		require.ErrorAs(t, err, &wrong)
		require.Equal(t, "bad", wrong.ID)
		require.NotContains(t, err.Error(), "secret")
	})
}

type brokenWriter struct{}

func (brokenWriter) Write([]byte) (int, error) { return 0, errBroken }

// The end of the context ends the pass with its cause, also within one resource.
func TestCancelled(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		readers []*rows
		view    *view.View
	}{
		"Rows":    {[]*rows{numbered("p", -1, &atomic.Int64{})}, patients(t)},
		"Readers": {[]*rows{numbered("p", -1, &atomic.Int64{}), numbered("q", -1, &atomic.Int64{})}, patients(t)},
		"Product": {[]*rows{rowsOf(row("1", crowd(3000)))}, product(t)},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			ctx, cancel := context.WithCancelCause(t.Context())
			var written atomic.Int64
			out := writerFunc(func(p []byte) (int, error) {
				written.Add(int64(len(p)))
				cancel(errBroken)
				return len(p), nil
			})
			result, err := pass.Run(ctx, "Patient", test.readers, []pass.Output{to(out, test.view, table.CSV)}, pass.Options{})
			require.ErrorIs(t, err, errBroken)
			require.Empty(t, result.Files[0])
			require.Less(t, written.Load(), int64(1<<20))
		})
	}
}

// The end of the context ends the rows and the views of a resource, however few and large
// the rows are.
func TestCancelledBetweenRows(t *testing.T) {
	t.Parallel()
	names := parse(t, "names", `"select": [{"forEach": "name", "column": [{"name": "family", "path": "family"}]}]`)
	name := `{"family": "` + strings.Repeat("x", 100<<10) + `"}`
	ctx, cancel := context.WithCancelCause(t.Context())
	writes := 0
	out := writerFunc(func(p []byte) (int, error) {
		writes++
		cancel(errBroken)
		return len(p), nil
	})
	var second files
	from := rowsOf(row("1", `{"name": [`+name+strings.Repeat(", "+name, 9)+`]}`))
	_, err := pass.Run(ctx, "Patient", []*rows{from}, []pass.Output{to(out, names, table.NDJSON), second.output(names, table.NDJSON)}, pass.Options{})
	require.ErrorIs(t, err, errBroken)
	require.Equal(t, 1, writes)
	require.Empty(t, second.all)
}

// The first row of a large resource is written before the next ones are evaluated.
func TestRowsOfLargeResourceArrive(t *testing.T) {
	t.Parallel()
	v := parse(t, "contacts", `"select": [{"forEach": "contact", "column": [{"name": "gender", "path": "gender"}]}]`)
	var first string
	out := writerFunc(func(p []byte) (int, error) {
		first = cmp.Or(first, string(p))
		return len(p), nil
	})
	result, err := run(t, pass.Options{}, rowsOf(row("1", crowd(20_000))), to(out, v, table.NDJSON))
	require.NoError(t, err)
	require.EqualValues(t, 20_000, result.Files[0][0].Rows)
	require.Equal(t, 1, strings.Count(first, "\n"))
}

// The end of the context cancels rows that are waited for.
func TestCancelledWhileReading(t *testing.T) {
	t.Parallel()
	ctx, cancel := context.WithCancelCause(t.Context())
	from := &rows{}
	from.next = func() *source.Row {
		cancel(errBroken)
		for !from.cancelled.Load() {
			time.Sleep(time.Millisecond)
		}
		from.err = context.Canceled
		return nil
	}
	_, err := pass.Run(ctx, "Patient", []*rows{from}, []pass.Output{to(io.Discard, patients(t), table.CSV)}, pass.Options{})
	require.EqualError(t, err, "pass: broken")
}

// The end of the context ends a row that would take minutes.
func TestCancelledInRow(t *testing.T) {
	t.Parallel()
	var columns []string
	for i := range 1000 {
		columns = append(columns, fmt.Sprintf(`{"name": "c%d", "path": "contact.name.empty()%s"}`, i, strings.Repeat(" and contact.name.empty()", 300)))
	}
	slow := parse(t, "slow", `"select": [{"column": [`+strings.Join(columns, ",")+`]}]`)
	ctx, cancel := context.WithCancelCause(t.Context())
	from := rowsOf(row("1", crowd(10_000)))
	next := from.next
	from.next = func() *source.Row {
		cancel(errBroken)
		return next()
	}
	ended := make(chan error, 1)
	go func() {
		_, err := pass.Run(ctx, "Patient", []*rows{from}, []pass.Output{to(io.Discard, slow, table.CSV)}, pass.Options{})
		ended <- err
	}()
	select {
	case err := <-ended:
		require.EqualError(t, err, "pass: read Patient: broken")
	case <-time.After(2 * time.Minute):
		require.Fail(t, "the row was not stopped")
	}
}

type writerFunc func([]byte) (int, error)

func (f writerFunc) Write(p []byte) (int, error) { return f(p) }

// A panic reaches the caller.
func TestPanic(t *testing.T) {
	t.Parallel()
	panics := func() *rows { return &rows{next: func() *source.Row { panic("row") }} }
	outputs := []pass.Output{to(io.Discard, patients(t), table.CSV)}
	for _, readers := range [][]*rows{{panics()}, {numbered("p", -1, &atomic.Int64{}), panics()}} {
		require.PanicsWithValue(t, "row", func() { _, _ = pass.Run(t.Context(), "Patient", readers, outputs, pass.Options{}) })
	}
}

// Files of Parquet are split, too, and have all rows.
func TestParquetFiles(t *testing.T) {
	t.Parallel()
	const count = 30_000
	var read atomic.Int64
	var out files
	result, err := pass.Run(t.Context(), "Patient", []*rows{numbered("a", count, &read), numbered("b", count, &read)}, []pass.Output{
		out.output(patients(t), table.Parquet),
	}, pass.Options{MaxFileBytes: 100_000})
	require.NoError(t, err)
	require.Greater(t, len(out.all), 2)
	require.Len(t, result.Files[0], len(out.all))
	var sum int64
	for i, written := range out.all {
		file, err := parquet.OpenFile(bytes.NewReader(written.Bytes()), int64(written.Len()))
		require.NoError(t, err)
		require.Equal(t, file.NumRows(), result.Files[0][i].Rows)
		require.EqualValues(t, written.Len(), result.Files[0][i].Bytes)
		sum += file.NumRows()
	}
	require.EqualValues(t, 2*count, sum)
}
