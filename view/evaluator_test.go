package view_test

import (
	"errors"
	"fmt"
	"runtime"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/view"
)

// textOf returns a cell as JSON-like text.
func textOf(c view.Cell) string {
	switch c.Kind {
	case view.Null:
		return "null"
	case view.ListCell:
		items := make([]string, len(c.Items))
		for i, item := range c.Items {
			items[i] = textOf(item)
		}
		return "[" + strings.Join(items, " ") + "]"
	}
	return string(c.Text)
}

// linesOf returns the rows of a view in their order, as text.
func linesOf(tb testing.TB, document string, resources ...string) (lines []string) {
	tb.Helper()
	e := parse(tb, document).NewEvaluator()
	for _, resource := range resources {
		for e.Reset(compact(tb, []byte(resource))); e.Next(); {
			lines = append(lines, lineOf(e.Row()))
		}
		require.NoError(tb, e.Err())
		require.False(tb, e.Next())
	}
	return lines
}

func lineOf(row []view.Cell) string {
	texts := make([]string, len(row))
	for i, cell := range row {
		texts[i] = textOf(cell)
	}
	return strings.Join(texts, " ")
}

// errorOf returns the error of a view on a resource.
func errorOf(t *testing.T, document, resource string) *view.DataError {
	t.Helper()
	e := parse(t, document).NewEvaluator()
	count := 0
	for e.Reset([]byte(resource)); e.Next(); count++ {
		require.Less(t, count, 100_000)
		require.NoError(t, e.Err())
	}
	require.Error(t, e.Err())
	require.False(t, e.Next())
	var data *view.DataError
	require.ErrorAs(t, e.Err(), &data)
	require.NotEmpty(t, data.Reason)

	e.Reset([]byte(`{"resourceType":"None"}`))
	require.False(t, e.Next())
	require.NoError(t, e.Err())
	return data
}

const patient = `{"resourceType":"Patient","id":"p","active":true,
	"name":[{"use":"official","family":"A","given":["a1","a2"]},{"family":"B"},{"family":"C","given":["c1"]}],
	"telecom":[{"value":"t1"},{"value":"t2"}]}`

// TestRowOrder: rows are in the order of the algorithm: the last part of a product changes
// first.
func TestRowOrder(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		selects string
		want    []string
	}{
		"siblings": {`{"forEach":"name","column":[{"name":"a","path":"family"}]},{"column":[{"name":"b","path":"id"}]},{"forEach":"telecom","column":[{"name":"c","path":"value"}]}`,
			[]string{"A p t1", "A p t2", "B p t1", "B p t2", "C p t1", "C p t2"}},
		"nested": {`{"forEach":"name","column":[{"name":"i","path":"%rowIndex"}],"select":[{"column":[{"name":"a","path":"family"}]},{"forEach":"given","column":[{"name":"b","path":"$this"},{"name":"j","path":"%rowIndex"}]}]},{"forEach":"telecom","column":[{"name":"c","path":"value"}]}`,
			[]string{"0 A a1 0 t1", "0 A a1 0 t2", "0 A a2 1 t1", "0 A a2 1 t2", "2 C c1 0 t1", "2 C c1 0 t2"}},
		"hoisted": {`{"select":[{"forEach":"name","column":[{"name":"a","path":"family"}]},{"column":[{"name":"b","path":"id"}]}]},{"select":[{"select":[{"forEach":"telecom","column":[{"name":"c","path":"value"}]}]}]}`,
			[]string{"A p t1", "A p t2", "B p t1", "B p t2", "C p t1", "C p t2"}},
		"union": {`{"forEach":"telecom","column":[{"name":"a","path":"value"}],"unionAll":[{"column":[{"name":"b","path":"'x'"},{"name":"i","path":"%rowIndex"}]},{"forEach":"value","column":[{"name":"b","path":"$this"},{"name":"i","path":"%rowIndex"}]}]},{"unionAll":[{"forEach":"photo","column":[{"name":"c","path":"url"}]},{"forEach":"name","column":[{"name":"c","path":"family"}]},{"column":[{"name":"c","path":"id"}]}]}`,
			[]string{"t1 x 0 A", "t1 x 0 B", "t1 x 0 C", "t1 x 0 p", "t1 t1 0 A", "t1 t1 0 B", "t1 t1 0 C", "t1 t1 0 p",
				"t2 x 1 A", "t2 x 1 B", "t2 x 1 C", "t2 x 1 p", "t2 t2 0 A", "t2 t2 0 B", "t2 t2 0 C", "t2 t2 0 p"}},
		"an empty part":            {`{"column":[{"name":"a","path":"id"}]},{"forEach":"photo","column":[{"name":"b","path":"url"}]},{"forEach":"name","column":[{"name":"c","path":"family"}]}`, nil},
		"an empty union":           {`{"column":[{"name":"a","path":"id"}],"unionAll":[{"forEach":"photo","column":[{"name":"b","path":"url"}]},{"forEach":"photo","column":[{"name":"b","path":"url"}]}]}`, nil},
		"flattened":                {`{"forEach":"name.given","column":[{"name":"a","path":"$this"},{"name":"i","path":"%rowIndex"}]}`, []string{"a1 0", "a2 1", "c1 2"}},
		"an index":                 {`{"forEach":"name.given[2]","column":[{"name":"a","path":"$this"},{"name":"i","path":"%rowIndex"}]}`, []string{"c1 0"}},
		"top level":                {`{"column":[{"name":"i","path":"%rowIndex"}],"select":[{"column":[{"name":"j","path":"%rowIndex"}]}]}`, []string{"0 0"}},
		"index in a plain select":  {`{"forEach":"telecom","select":[{"column":[{"name":"i","path":"%rowIndex"}]}]}`, []string{"0", "1"}},
		"a union of plain selects": {`{"forEach":"telecom","unionAll":[{"column":[{"name":"i","path":"%rowIndex"}]},{"column":[{"name":"i","path":"%rowIndex"}]}]}`, []string{"0", "0", "1", "1"}},
		"a union in a union": {`{"unionAll":[{"unionAll":[{"column":[{"name":"a","path":"'1'"}]},{"column":[{"name":"a","path":"'2'"}]}]},{"column":[{"name":"a","path":"'3'"}]}]}`,
			[]string{"1", "2", "3"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, linesOf(t, patients(test.selects), patient))
		})
	}
}

// TestNullRow: an empty forEachOrNull gives exactly one row, in which all its columns and
// those below are null, whatever their paths are.
func TestNullRow(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		selects string
		want    []string
	}{
		"literals":   {`{"column":[{"name":"a","path":"id"}]},{"forEachOrNull":"photo","column":[{"name":"b","path":"'x'"},{"name":"c","path":"true"}]}`, []string{"p null null"}},
		"%rowIndex":  {`{"forEachOrNull":"photo","column":[{"name":"i","path":"%rowIndex"}],"select":[{"column":[{"name":"j","path":"%rowIndex"}]},{"forEach":"extension","column":[{"name":"k","path":"%rowIndex"}]}]}`, []string{"0 0 0"}},
		"collection": {`{"forEachOrNull":"photo","column":[{"name":"a","path":"url","collection":true}]}`, []string{"null"}},
		"nested": {`{"forEachOrNull":"photo","column":[{"name":"a","path":"url"}],"select":[{"forEach":"extension","column":[{"name":"b","path":"url"}]},{"repeat":["extension"],"column":[{"name":"c","path":"url"}]},{"column":[{"name":"d","path":"'x'"}]}]}`,
			[]string{"null null null null"}},
		"union":                            {`{"forEachOrNull":"photo","unionAll":[{"forEach":"extension","column":[{"name":"a","path":"url"}]},{"column":[{"name":"a","path":"url"}]}]}`, []string{"null"}},
		"in a union":                       {`{"unionAll":[{"forEachOrNull":"photo","column":[{"name":"a","path":"url"}]},{"forEachOrNull":"photo","column":[{"name":"a","path":"url"}]}]}`, []string{"null", "null"}},
		"in products":                      {`{"forEach":"telecom","column":[{"name":"a","path":"value"}]},{"forEachOrNull":"photo","column":[{"name":"b","path":"url"}]},{"forEach":"telecom","column":[{"name":"c","path":"value"}]}`, []string{"t1 null t1", "t1 null t2", "t2 null t1", "t2 null t2"}},
		"items whose nested rows are none": {`{"forEachOrNull":"telecom","column":[{"name":"a","path":"value"}],"select":[{"forEach":"extension","column":[{"name":"b","path":"url"}]}]}`, nil},
		"per parent": {`{"forEach":"name","column":[{"name":"a","path":"family"}],"select":[{"forEachOrNull":"given","column":[{"name":"b","path":"$this"},{"name":"i","path":"%rowIndex"}]}]}`,
			[]string{"A a1 0", "A a2 1", "B null 0", "C c1 0"}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			require.Equal(t, test.want, linesOf(t, patients(test.selects), patient))
		})
	}
}

func TestCells(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{`[] null [A B C] [true] ["x"] x\y`},
		linesOf(t, columns(`{"name":"a","path":"photo","collection":true},{"name":"b","path":"photo"},{"name":"c","path":"name.family","collection":true},{"name":"d","path":"active","collection":true},{"name":"e","path":"'\"x\"'","collection":true},{"name":"f","path":"gender"}`),
			strings.Replace(patient, `"active":true`, `"active":true,"gender":"x\\y"`, 1)))
	require.Equal(t, []string{`{"value":1.0,"unit":"kg"} 1.0`},
		linesOf(t, `{"resource":"Observation","select":[{"column":[{"name":"a","path":"value.ofType(Quantity)"},{"name":"b","path":"value.ofType(Quantity).value"}]}]}`,
			`{"resourceType":"Observation","valueQuantity":{"value":1.0,"unit":"kg"}}`))
	e := parse(t, columns(`{"name":"a","path":"photo","collection":true}`)).NewEvaluator()
	e.Reset([]byte(`{"resourceType":"Patient"}`))
	require.True(t, e.Next())
	require.NotNil(t, e.Row()[0].Items)
}

// TestPrimitiveWithoutValue: a primitive with extensions only is a null cell, and its
// extensions can be reached, also if it is the focus.
func TestPrimitiveWithoutValue(t *testing.T) {
	t.Parallel()
	const resource = `{"resourceType":"Patient","_birthDate":{"extension":[{"url":"u","valueString":"x"}]},"name":[{"given":["a",null],"_given":[null,{"extension":[{"url":"u","valueCode":"y"}]}]}]}`
	require.Equal(t, []string{"null x true"}, linesOf(t, columns(`{"name":"a","path":"birthDate"},{"name":"b","path":"birthDate.extension('u').value.ofType(string)"},{"name":"c","path":"birthDate.exists()"}`), resource))
	require.Equal(t, []string{"a null", "null y"}, linesOf(t, patients(`{"forEach":"name.given","column":[{"name":"a","path":"$this"},{"name":"b","path":"extension('u').value.ofType(code)"}]}`), resource))
}

func TestBaseURL(t *testing.T) {
	t.Parallel()
	e := parse(t, columns(`{"name":"a","path":"managingOrganization.getReferenceKey(Organization)"}`)).NewEvaluator()
	for base, want := range map[string]string{"": "null", "https://example.org/fhir": "o1", "https://example.com/fhir": "null"} {
		e.BaseURL = base
		e.Reset([]byte(`{"resourceType":"Patient","managingOrganization":{"reference":"https://example.org/fhir/Organization/o1"}}`))
		require.True(t, e.Next())
		require.Equal(t, want, lineOf(e.Row()))
	}
}

func TestWhere(t *testing.T) {
	t.Parallel()
	for where, want := range map[string][]string{
		`{"path":"active"}`:       {"p"},
		`{"path":"active.not()"}`: nil,
		`{"path":"deceased.ofType(boolean)"},{"path":"active"}`: nil,
		`{"path":"deceased.ofType(boolean)"}`:                   nil,
		`{"path":"active"},{"path":"name.exists()"}`:            {"p"},
		`{"path":"active"},{"path":"photo.exists()"}`:           nil,
		`{"path":"gender = 'male'"}`:                            nil,
		`{"path":"where(name.exists()).exists()"}`:              {"p"},
		`{"path":"active","description":"only active ones"} `:   {"p"},
	} {
		require.Equal(t, want, linesOf(t, `{"resource":"Patient","where":[`+where+`],`+idSelect+`}`, patient), where)
	}
}

// TestWhereWithoutValue: an element with extensions only is no value.
func TestWhereWithoutValue(t *testing.T) {
	t.Parallel()
	require.Nil(t, linesOf(t, `{"resource":"Patient","where":[{"path":"active"}],`+idSelect+`}`,
		`{"resourceType":"Patient","id":"p","_active":{"extension":[{"url":"u"}]}}`))
}

func TestOtherResources(t *testing.T) {
	t.Parallel()
	require.Equal(t, []string{"a", "b"}, linesOf(t, `{"resource":"Patient",`+idSelect+`}`,
		`{"resourceType":"Patient","id":"a"}`, `{"resourceType":"Observation","id":"x"}`, `{}`, `{"id":"y"}`, `{"resourceType":1}`,
		`{"id":"b","contained":[{"resourceType":"Patient","id":"c"}],"resourceType":"Patient"}`))
}

func TestDataErrors(t *testing.T) {
	t.Parallel()
	resource := string(compact(t, []byte(patient)))
	e := errorOf(t, columns(`{"name":"a","path":"id"},{"name":"b","path":"name.family"}`), resource)
	require.Equal(t, "column b (name.family): multiple values; only a column with collection = true can have them", e.Describe())
	require.Equal(t, "column b: multiple values; only a column with collection = true can have them", e.Error(), "for the log")
	require.Equal(t, []string{"b", "name.family"}, []string{e.Column, e.Path})

	e = errorOf(t, `{"resource":"Patient","where":[{"path":"extension('x').value"}],`+idSelect+`}`,
		`{"resourceType":"Patient","extension":[{"url":"x","valueString":"true"}]}`)
	require.Equal(t, "extension('x').value: the value is not a boolean, as a condition must be", e.Describe())

	e = errorOf(t, `{"resource":"Patient","where":[{"path":"communication.preferred"}],`+idSelect+`}`,
		`{"resourceType":"Patient","communication":[{"preferred":true},{"preferred":true}]}`)
	require.Equal(t, "communication.preferred: several values; a condition must have one", e.Describe())

	e = errorOf(t, columns(`{"name":"a","path":"name.family < 'x'"}`), resource)
	require.Equal(t, "a", e.Column)
	e = errorOf(t, patients(`{"forEach":"name.where(given < 'x')","column":[{"name":"a","path":"family"}]}`), resource)
	require.Empty(t, e.Column)
	require.Equal(t, "name.where(given < 'x')", e.Path)
	e = errorOf(t, patients(`{"column":[{"name":"b","path":"id"}],"unionAll":[{"column":[{"name":"a","path":"id"}]},{"forEach":"name.where(given < 'x')","column":[{"name":"a","path":"family"}]}]}`), resource)
	require.Equal(t, "name.where(given < 'x')", e.Path)
	e = errorOf(t, patients(`{"unionAll":[{"forEach":"name","column":[{"name":"a","path":"given"}]},{"column":[{"name":"a","path":"id"}]}]}`), resource)
	require.Equal(t, "a", e.Column)
	e = errorOf(t, patients(`{"unionAll":[{"forEach":"name","column":[{"name":"a","path":"given"}]},{"forEach":"name.where(given < 'x')","column":[{"name":"a","path":"family"}]}]}`), resource)
	require.Equal(t, "a", e.Column, "the first error counts")
	require.Equal(t, "a condition or an iteration: wrong", (&view.DataError{Path: "active", Reason: "wrong"}).Error())
	long := view.DataError{Column: "c", Path: "'" + strings.Repeat("ä", 200) + "'", Reason: "wrong"}
	require.Equal(t, "column c ('"+strings.Repeat("ä", 99)+"…): wrong", long.Describe())
}

// TestErrorAfterRows: rows before an error are as usual, and none come after it.
func TestErrorAfterRows(t *testing.T) {
	t.Parallel()
	e := parse(t, patients(`{"forEach":"name","column":[{"name":"a","path":"given"}]}`)).NewEvaluator()
	e.Reset([]byte(`{"resourceType":"Patient","name":[{"given":["x"]},{"given":["y","z"]},{"given":["w"]}]}`))
	require.True(t, e.Next())
	require.Equal(t, "x", lineOf(e.Row()))
	require.False(t, e.Next())
	require.Error(t, e.Err())
	require.False(t, e.Next())
}

// TestRepeat: a node comes before its descendants, path by path.
func TestRepeat(t *testing.T) {
	t.Parallel()
	const response = `{"resourceType":"QuestionnaireResponse","item":[{"linkId":"1","item":[{"linkId":"1.1","item":[{"linkId":"1.1.1"}]},{"linkId":"1.2"}],
		"answer":[{"item":[{"linkId":"1.a","item":[{"linkId":"1.a.1"}]}]}]},{"linkId":"2","answer":[{"item":[{"linkId":"2.a"}]},{"item":[{"linkId":"2.b"}]}]}]}`
	want := []string{"0 1", "1 1.1", "2 1.1.1", "3 1.2", "4 1.a", "5 1.a.1", "6 2", "7 2.a", "8 2.b"}
	require.Equal(t, want, linesOf(t, `{"resource":"QuestionnaireResponse","select":[{"repeat":["item","answer.item"],"column":[{"name":"i","path":"%rowIndex"},{"name":"a","path":"linkId"}]}]}`, response))

	require.Equal(t, []string{"1 1", "1 2", "1.1 1", "1.1 2", "1.1.1 1", "1.1.1 2", "1.2 1", "1.2 2", "2 1", "2 2"},
		linesOf(t, `{"resource":"QuestionnaireResponse","select":[{"repeat":["item"],"column":[{"name":"a","path":"linkId"}]},{"forEach":"item","column":[{"name":"b","path":"linkId"}]}]}`, response))
}

// TestRepeatOfPrimitive: the extensions of a primitive are below it.
func TestRepeatOfPrimitive(t *testing.T) {
	t.Parallel()
	const document = `{"forEach":"birthDate","column":[{"name":"a","path":"$this"}],"select":[{"repeat":["extension"],"column":[{"name":"b","path":"url"}]}]}`
	require.Equal(t, []string{"2020 u", "2020 v", "2020 w"}, linesOf(t, patients(document),
		`{"resourceType":"Patient","birthDate":"2020","_birthDate":{"extension":[{"url":"u","extension":[{"url":"v"}]},{"url":"w"}]}}`))
}

// TestRepeatWithoutDescent: a repeat that does not lead to elements below is an error
// instead of an endless loop.
func TestRepeatWithoutDescent(t *testing.T) {
	t.Parallel()
	for _, path := range []string{`$this`, `where(true)`, `'x'`, `1`, `%c`, `$this.first()`} {
		document := `{"resource":"Patient","constant":[{"name":"c","valueString":"v"}],"select":[{"repeat":["` + path + `"],"column":[{"name":"a","path":"'x'"}]}]}`
		failed := errorOf(t, document, `{"resourceType":"Patient","id":"p"}`)
		require.Equal(t, path, failed.Path)
		require.Equal(t, "repeat finds the same element again; its paths must lead to elements below", failed.Reason)
		e := parse(t, document).NewEvaluator()
		e.Reset([]byte(`{"resourceType":"Patient","id":"p"}`))
		require.LessOrEqual(t, countRows(e), 1)
	}
	deep := strings.Repeat(`{"linkId":"x","item":[`, 40) + strings.Repeat(`]}`, 40)
	e := errorOf(t, `{"resource":"Questionnaire","select":[{"repeat":["item","item"],"column":[{"name":"a","path":"linkId"}]}]}`, `{"resourceType":"Questionnaire","item":[`+deep+`]}`)
	require.Equal(t, "item", e.Path)
	require.Equal(t, "repeat finds more items than the resource has; its paths find the same elements several times", e.Reason)
}

// wide returns a patient with many names and telecoms.
func wide(names, telecoms int) []byte {
	text := &strings.Builder{}
	text.WriteString(`{"resourceType":"Patient","id":"p","name":[`)
	for i := range names {
		fmt.Fprintf(text, `{"family":"f%d\n","given":["g%d","h"]},`, i, i)
	}
	text.WriteString(`{"family":"last"}],"telecom":[`)
	for i := range telecoms {
		fmt.Fprintf(text, `{"value":"t\t%d"},`, i)
	}
	text.WriteString(`{"value":"last"}]}`)
	return []byte(text.String())
}

const productView = `{"forEach":"name","column":[{"name":"a","path":"family"},{"name":"b","path":"given.join(',')"}]},{"column":[{"name":"i","path":"id"}]},
	{"forEach":"telecom","column":[{"name":"c","path":"value"},{"name":"d","path":"value + 'x'"},{"name":"e","path":"value","collection":true}]}`

// TestProduct: the memory for a product of a million rows is that of its factors.
func TestProduct(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	e := parse(t, patients(productView)).NewEvaluator()
	resource := wide(999, 999)
	count := 0
	var before, after runtime.MemStats
	runtime.GC()
	runtime.ReadMemStats(&before)
	for e.Reset(resource); e.Next(); count++ {
		if count == 1_500 {
			require.Equal(t, "f1\n g1,h p t\t500 t\t500x [t\t500]", lineOf(e.Row()))
		}
	}
	runtime.ReadMemStats(&after)
	require.NoError(t, e.Err())
	require.Equal(t, 1_000_000, count)
	require.Less(t, after.TotalAlloc-before.TotalAlloc, uint64(4<<20))
	require.Less(t, after.Mallocs-before.Mallocs, uint64(10_000))
}

func countRows(e *view.Evaluator) (count int) {
	for e.Next() {
		count++
	}
	return count
}

// TestUnionMemory: the branches of a union use the same memory, one after the other.
func TestUnionMemory(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	branch := `{"forEach":"name","column":[{"name":"a","path":"family"}]}`
	e := parse(t, patients(`{"unionAll":[`+branch+strings.Repeat(","+branch, 49)+`]}`)).NewEvaluator()
	resource := wide(9_999, 1)
	count := 0
	before := totalAlloc()
	for e.Reset(resource); e.Next(); count++ {
		_ = e.Row()
	}
	require.NoError(t, e.Err())
	require.Equal(t, 500_000, count)
	require.Less(t, totalAlloc()-before, uint64(16<<20))
}

func totalAlloc() uint64 {
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.TotalAlloc
}

// TestAllocations: an evaluator that has seen a few resources allocates nothing.
func TestAllocations(t *testing.T) { //nolint:paralleltest // it measures the allocations of the process
	for name, document := range map[string]string{
		"product": patients(productView),
		"no row":  `{"resource":"Patient","where":[{"path":"name.exists(family = 'none')"}],` + idSelect + `}`,
		"where":   `{"resource":"Patient","where":[{"path":"name.exists(family = 'last')"}],` + idSelect + `}`,
		"union":   patients(`{"unionAll":[{"forEach":"name","column":[{"name":"a","path":"given","collection":true}]},{"forEachOrNull":"photo","column":[{"name":"a","path":"url","collection":true}]}]}`),
		"repeat":  patients(`{"repeat":["name","extension"],"column":[{"name":"i","path":"%rowIndex"},{"name":"a","path":"family"}]}`),
	} {
		e := parse(t, document).NewEvaluator()
		resources := [][]byte{wide(3, 3), wide(20, 2), []byte(`{"resourceType":"Patient"}`)}
		run := func() {
			for _, resource := range resources {
				for e.Reset(resource); e.Next(); {
					_ = e.Row()
				}
			}
		}
		run()
		require.Zero(t, testing.AllocsPerRun(20, run), name)
		require.NoError(t, e.Err())
	}
}

// TestMemoryIsReleased: after a huge resource, an evaluator does not keep its memory.
func TestMemoryIsReleased(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	long := []byte(`{"resourceType":"Patient","name":[{"family":"` + strings.Repeat("x", 8<<20) + `"}]}`)
	for name, test := range map[string]struct {
		columns string
		huge    func() []byte
	}{
		"foci":  {`{"forEach":"name","column":[{"name":"a","path":"family"}]}`, func() []byte { return wide(20_000, 1) }},
		"items": {`{"column":[{"name":"a","path":"name.given","collection":true}]}`, func() []byte { return wide(8_000, 1) }},
		"text":  {`{"forEach":"name","column":[{"name":"a","path":"family"}]},{"column":[{"name":"b","path":"name","collection":true}]}`, func() []byte { return slices.Clone(long) }},
	} {
		e := parse(t, patients(test.columns)).NewEvaluator()
		e.BaseURL = "https://example.org"
		before := heap()
		e.Reset(test.huge())
		require.Positive(t, countRows(e))
		require.Greater(t, int64(heap())-int64(before), int64(1<<18), name)
		e.Reset([]byte(`{"resourceType":"None"}`))
		require.Zero(t, countRows(e))
		require.Less(t, int64(heap())-int64(before), int64(1<<18), name)
		require.Equal(t, "https://example.org", e.BaseURL)
		runtime.KeepAlive(e)
	}
}

func heap() uint64 {
	runtime.GC()
	runtime.GC()
	var stats runtime.MemStats
	runtime.ReadMemStats(&stats)
	return stats.HeapAlloc
}

// TestConcurrentUse: evaluators of one view are independent.
func TestConcurrentUse(t *testing.T) {
	t.Parallel()
	v := parse(t, patients(productView))
	for range 4 {
		t.Run("", func(t *testing.T) {
			t.Parallel()
			e := v.NewEvaluator()
			count := 0
			for e.Reset(wide(9, 9)); e.Next(); count++ {
				require.Len(t, e.Row(), len(v.Columns))
			}
			require.Equal(t, 100, count)
		})
	}
}

// FuzzView parses any document and evaluates it on any resource: neither causes a panic,
// and no view is endless.
func FuzzView(f *testing.F) {
	for _, selects := range []string{
		productView,
		`{"repeat":["item","answer.item"],"forEach":1,"column":[{"name":"a","path":"$this"}]}`,
		`{"forEachOrNull":"photo","column":[{"name":"a","path":"url","collection":true,"tag":[{"name":"ansi/type","value":"VARCHAR(3)"}]}]}`,
		`{"unionAll":[{"forEach":"name","column":[{"name":"a","path":"family","type":"string"}]},{"column":[{"name":"a","path":"%rowIndex"}]}]}`,
	} {
		f.Add([]byte(patients(selects)), []byte(patient))
	}
	f.Add([]byte(`{"resource":"Patient","constant":[{"name":"c","valueDate":"2020"}],"where":[{"path":"birthDate = %c"}],`+idSelect+`}`), []byte(`{"resourceType":"Patient","birthDate":"2020"}`))
	f.Fuzz(func(t *testing.T, document, resource []byte) {
		v, err := view.Parse(document, fhir.R4())
		if err != nil {
			var invalid *view.InvalidError
			require.ErrorAs(t, err, &invalid)
			require.NotEmpty(t, invalid.Findings)
			return
		}
		require.NotEmpty(t, v.Columns)
		e := v.NewEvaluator()
		count := 0
		for e.Reset(resource); e.Next() && count < 1000; count++ {
			require.Len(t, e.Row(), len(v.Columns))
			for i, cell := range e.Row() {
				require.False(t, cell.Kind == view.ListCell && (cell.Items == nil || !v.Columns[i].Collection))
			}
		}
	})
}

// TestManyItems: neither the foci of all levels nor the lists of a row can fill the memory.
func TestManyItems(t *testing.T) {
	t.Parallel()
	resource := `{"resourceType":"Patient","name":[{"given":["a"` + strings.Repeat(`,"a"`, 399_999) + `]}]}`
	list := func(name string) string { return `{"name":"` + name + `","path":"name.given","collection":true}` }
	require.Len(t, linesOf(t, columns(list("a")+`,`+list("b")), resource), 1)
	err := errorOf(t, columns(list("a")+`,`+list("b")+`,`+list("c")), resource)
	require.Equal(t, "column c (name.given): too many items; the maximum is 1000000 in all lists of a row", err.Describe())

	each := func(name string) string {
		return `{"forEach":"name.given","column":[{"name":"` + name + `","path":"$this"}]}`
	}
	err = errorOf(t, patients(each("a")+`,`+each("b")+`,`+each("c")), resource)
	require.Equal(t, "name.given: too many items; the maximum is 1000000 at a time", err.Describe())
}

// TestStop: conditions and columns of a row that takes long can be stopped.
func TestStop(t *testing.T) {
	t.Parallel()
	chain := `name.suffix.empty()` + strings.Repeat(` and name.suffix.empty()`, 100)
	resource := []byte(`{"resourceType":"Patient","name":[{"given":["a"` + strings.Repeat(`,"a"`, 250_000) + `]}]}`)
	stopped := errors.New("stopped")
	for _, document := range []string{
		columns(`{"name":"a","path":"` + chain + `"}`),
		`{"resource":"Patient","where":[{"path":"` + chain + `"}],` + idSelect + `}`,
		patients(`{"forEach":"where(` + chain + `)","column":[{"name":"a","path":"id"}]}`),
	} {
		e := parse(t, document).NewEvaluator()
		e.Stop = func() error { return stopped }
		for range 2 { // the second time, without the memory of the first
			e.Reset(resource)
			require.False(t, e.Next())
			require.Equal(t, stopped, e.Err())
		}
	}
}

// TestRowIndexOfNothing: %rowIndex is 0 in a row of nulls, also in a list.
func TestRowIndexOfNothing(t *testing.T) {
	t.Parallel()
	document := patients(`{"forEachOrNull":"contact","column":[{"name":"a","path":"gender","collection":true},{"name":"i","path":"%rowIndex"},{"name":"l","path":"%rowIndex","collection":true}]}`)
	require.Equal(t, []string{"null 0 [0]"}, linesOf(t, document, `{"resourceType":"Patient"}`))
	require.Equal(t, []string{"[] 0 [0]", "[] 1 [1]"}, linesOf(t, document, `{"resourceType":"Patient","contact":[{},{}]}`))
}

// TestResourceKeyOfFocus: the key is that of the resource wherever it is the focus.
func TestResourceKeyOfFocus(t *testing.T) {
	t.Parallel()
	key := `"column":[{"name":"k","path":"getResourceKey()"},{"name":"l","path":"$this.getResourceKey()"},{"name":"g","path":"gender"}]`
	for _, path := range []string{`$this`, `where(active)`, `Patient`, `first()`, `$this[0]`, `ofType(Patient)`, `where(active).where(gender.exists())`} {
		for _, selects := range []string{
			`{"forEach":"` + path + `",` + key + `}`,
			`{"forEachOrNull":"` + path + `","select":[{"unionAll":[{"forEach":"$this",` + key + `}]}]}`,
		} {
			require.Equal(t, []string{"p p male"}, linesOf(t, patients(selects), `{"resourceType":"Patient","id":"p","active":true,"gender":"male"}`), path)
		}
	}
	for _, path := range []string{`contact`, `contained.ofType(Patient)`, `contact.where(true)`} {
		require.NotEmpty(t, findingsOf(t, patients(`{"forEach":"`+path+`","select":[{"forEach":"$this",`+key+`}]}`)), path)
	}
}
