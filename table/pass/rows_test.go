package pass_test

import (
	"bytes"
	"context"
	"fmt"
	"io"
	"sync/atomic"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/source"
	"github.com/seed-90096f4d/sluice/source/jsonb/jsonbtest"
	"github.com/seed-90096f4d/sluice/table"
	"github.com/seed-90096f4d/sluice/table/pass"
	"github.com/seed-90096f4d/sluice/view"
)

// rows are Rows for tests.
type rows struct {
	next      func() *source.Row // nil at the end
	err       error              // after the last row
	row       *source.Row
	cancelled atomic.Bool
}

func (r *rows) Next() bool {
	if r.cancelled.Load() {
		r.err = context.Canceled
		return false
	}
	r.row = r.next()
	return r.row != nil
}

func (r *rows) Row() *source.Row { return r.row }
func (r *rows) Err() error       { return r.err }
func (r *rows) Cancel()          { r.cancelled.Store(true) }

// row returns a row with this id.
func row(id, resource string) *source.Row {
	at := source.Time{Micros: 1623313570707454, Valid: true}
	return &source.Row{ID: []byte(id), TxID: 481, Changed: at, Created: at, Resource: []byte(resource)}
}

// stored returns the row in the stored form.
func stored(row *source.Row) *source.Row {
	row.Resource, row.Stored = jsonbtest.Encode(row.Resource), true
	return row
}

// rowsOf returns these rows.
func rowsOf(all ...*source.Row) *rows {
	return &rows{next: func() *source.Row {
		if len(all) == 0 {
			return nil
		}
		next := all[0]
		all = all[1:]
		return next
	}}
}

// numbered returns count rows, or endless ones if it is negative, with the ids p0, p1 and
// so on. read counts them.
func numbered(prefix string, count int, read *atomic.Int64) *rows {
	n := 0
	return &rows{next: func() *source.Row {
		if n == count {
			return nil
		}
		n++
		read.Add(1)
		return row(fmt.Sprint(prefix, n-1), `{"gender": "male"}`)
	}}
}

// parse returns the view of a definition without resource.
func parse(t *testing.T, name, rest string) *view.View {
	t.Helper()
	v, err := view.Parse([]byte(`{"resource": "Patient", "status": "active", "name": "`+name+`", `+rest+`}`), fhir.R4())
	require.NoError(t, err)
	return v
}

// patients has a row for each patient.
func patients(t *testing.T) *view.View {
	t.Helper()
	return parse(t, "patients", `"select": [{"column": [{"name": "id", "path": "getResourceKey()"}, {"name": "gender", "path": "gender"}]}]`)
}

// product has a row for each pair of contacts.
func product(t *testing.T) *view.View {
	t.Helper()
	return parse(t, "product", `"select": [
		{"forEach": "contact", "column": [{"name": "a", "path": "gender"}]},
		{"forEach": "contact", "column": [{"name": "b", "path": "gender"}]}]`)
}

// crowd returns a patient with that many contacts.
func crowd(count int) string {
	contacts := bytes.Repeat([]byte(`{"gender": "female"}, `), count)
	return `{"contact": [` + string(contacts[:len(contacts)-2]) + `]}`
}

// files are the files of an output.
type files struct{ all []*bytes.Buffer }

func (f *files) next(context.Context) (io.Writer, error) {
	f.all = append(f.all, &bytes.Buffer{})
	return f.all[len(f.all)-1], nil
}

// output returns an output to files.
func (f *files) output(v *view.View, format table.Format) pass.Output {
	return pass.Output{View: v, Options: table.Options{Format: format}, Next: f.next}
}

// to returns an output to a writer.
func to(w io.Writer, v *view.View, format table.Format) pass.Output {
	return pass.Output{View: v, Options: table.Options{Format: format}, Next: func(context.Context) (io.Writer, error) { return w, nil }}
}

// run runs a pass over the rows of one reader.
func run(t *testing.T, opts pass.Options, from *rows, outputs ...pass.Output) (pass.Result, error) {
	t.Helper()
	return pass.Run(t.Context(), "Patient", []*rows{from}, outputs, opts)
}
