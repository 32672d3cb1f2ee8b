package view_test

import (
	"fmt"
	"runtime"
	"runtime/debug"
	"strings"
	"testing"
	"unicode/utf8"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/view"
)

// findingsOf returns the findings of a view as "position: text".
func findingsOf(t *testing.T, document string) (texts []string) {
	t.Helper()
	v, err := view.Parse([]byte(document), fhir.R4())
	if err == nil {
		require.NotNil(t, v)
		return nil
	}
	require.Nil(t, v)
	var invalid *view.InvalidError
	require.ErrorAs(t, err, &invalid)
	require.NotEmpty(t, invalid.Findings)
	for _, f := range invalid.Findings {
		require.NotEmpty(t, f.Text)
		require.Contains(t, err.Error(), f.Text)
		texts = append(texts, f.Path+": "+f.Text)
	}
	return texts
}

// requireFindings compares findings. A wanted one that ends with an asterisk stands for any
// text: that of an expression belongs to another package.
func requireFindings(t *testing.T, want, got []string) {
	t.Helper()
	require.Len(t, got, len(want), "%q", got)
	for i := range want {
		if prefix, ok := strings.CutSuffix(want[i], "*"); ok {
			require.True(t, strings.HasPrefix(got[i], prefix), "want %q, got %q", want[i], got[i])
			continue
		}
		require.Equal(t, want[i], got[i])
	}
}

// patients returns a view of patients with these selects.
func patients(selects string) string { return `{"resource":"Patient","select":[` + selects + `]}` }

// columns returns a view of patients with these columns.
func columns(columns string) string { return patients(`{"column":[` + columns + `]}`) }

// idColumn is a view's select.
const idSelect = `"select":[{"column":[{"name":"id","path":"id"}]}]`

func TestFindings(t *testing.T) {
	t.Parallel()
	for name, test := range map[string]struct {
		document string
		want     []string
	}{
		"no JSON":          {``, []string{": invalid JSON: unexpected end"}},
		"half an object":   {`{"resource":`, []string{"resource: invalid JSON: unexpected end"}},
		"a syntax error":   {`{"select":[{]}`, []string{"select[0]: invalid JSON: *"}},
		"two documents":    {`{} {}`, []string{": invalid JSON: text after the end of the ViewDefinition"}},
		"an array":         {`[]`, []string{": a ViewDefinition must be an object, got an array"}},
		"an empty object":  {`{}`, []string{"resource: resource is required", "select: select is required"}},
		"NUL":              {patients(`{"column":[{"name":"id","path":"id","description":"a\u0000"}]}`), []string{"select[0].column[0].description: not a string of FHIR: it contains U+0000 or is not valid Unicode"}},
		"surrogate":        {patients(`{"column":[{"name":"id","path":"id","description":"\ud800"}]}`), []string{"select[0].column[0].description: not a string of FHIR: it contains U+0000 or is not valid Unicode"}},
		"NUL in metadata":  {`{"contact":[{"name":"a\u0000"}],"resource":"Patient",` + idSelect + `}`, []string{"contact: not a string of FHIR: it contains U+0000 or is not valid Unicode"}},
		"NUL in a name":    {`{"contact":[{"a\u0000":1}],"resource":"Patient",` + idSelect + `}`, []string{"contact: not a string of FHIR: it contains U+0000 or is not valid Unicode"}},
		"deep metadata":    {`{"contact":` + strings.Repeat("[", 101) + strings.Repeat("]", 101) + `,"resource":"Patient",` + idSelect + `}`, []string{"contact: nested too deeply; the maximum is 100 levels"}},
		"half of metadata": {`{"contact":[{"name":`, []string{"contact: invalid JSON: unexpected end"}},
		"wrong metadata":   {`{"contact":[1 2],"resource":"Patient",` + idSelect + `}`, []string{"contact: invalid JSON: *"}},
		"too many values":  {patients(strings.Repeat(`{},`, 99_999) + `{}`), []string{"select[99997]: too many values; the maximum is 100000, without metadata"}},
		"depth":            {patients(strings.Repeat(`{"select":[`, 60)), []string{strings.Repeat("select[0].", 50) + "select: nested too deeply; the maximum is 100 levels"}},
		"resourceType":     {`{"resourceType":"Patient","resource":"Patient",` + idSelect + `}`, []string{`resourceType: unknown resourceType "Patient"; supported are *`}},
		"status":           {`{"status":"old","resource":"Patient",` + idSelect + `}`, []string{`status: unknown status "old"; supported are ["draft" "active" "retired" "unknown"]`}},
		"another version":  {`{"fhirVersion":["5.0.0","4.3"],"resource":"Patient",` + idSelect + `}`, []string{`fhirVersion: the view is not for FHIR R4 (4.0.1), but for 5.0.0, 4.3`}},
		"version of text":  {`{"fhirVersion":"4.0.1","resource":"Patient",` + idSelect + `}`, []string{`fhirVersion: must be an array, got a string`}},
		"version a number": {`{"fhirVersion":[4],"resource":"Patient",` + idSelect + `}`, []string{`fhirVersion[0]: must be a string, got a number`}},
		"name":             {`{"name":"my view","resource":"Patient",` + idSelect + `}`, []string{`name: invalid name "my view"; a letter followed by letters, digits and _ is allowed`}},
		"url":              {`{"url":"` + strings.Repeat("x", 1001) + `","resource":"Patient",` + idSelect + `}`, []string{"url: must be at most 1000 bytes, got 1001"}},
		"version":          {`{"version":"` + strings.Repeat("x", 101) + `","resource":"Patient",` + idSelect + `}`, []string{"version: must be at most 100 bytes, got 101"}},
		"long name":        {`{"name":"` + strings.Repeat("x", 256) + `","resource":"Patient",` + idSelect + `}`, []string{"name: must be at most 255 bytes, got 256"}},
		"longest url":      {`{"url":"` + strings.Repeat("x", 1000) + `","version":"` + strings.Repeat("x", 100) + `","resource":"Patient",` + idSelect + `}`, nil},
		"name of no text":  {`{"name":1,"resource":"Patient",` + idSelect + `}`, []string{`name: must be a string, got a number`}},
		"unknown resource": {`{"resource":"patient",` + idSelect + `}`, []string{`resource: unknown resource type "patient"`}},
		"abstract":         {`{"resource":"DomainResource",` + idSelect + `}`, []string{`resource: unknown resource type "DomainResource"`}},
		"empty resource":   {`{"resource":"",` + idSelect + `}`, []string{`resource: must not be empty`}},
		"resource null":    {`{"resource":null,` + idSelect + `}`, []string{`resource: must be a string, got null`}},
		"empty select":     {`{"resource":"Patient","select":[]}`, []string{`select: must not be empty`}},
		"select object":    {`{"resource":"Patient","select":{}}`, []string{`select: must be an array, got an object`}},
		"select of text":   {patients(`"id"`), []string{`select[0]: must be an object, got a string`}},
		"no columns":       {patients(`{"forEach":"name"}`), []string{`select: the view has no columns`}},
		"unknown property": {patients(`{"forEeach":"name","column":[{"name":"a","path":"id"}]}`), []string{`select[0].forEeach: unknown property; supported are column, select, forEach, forEachOrNull, repeat, unionAll`}},
		"at the root":      {`{"resource":"Patient","columns":[],` + idSelect + `}`, []string{`columns: unknown property; supported are *`}},
		"of a column":      {columns(`{"name":"a","path":"id","types":"id"}`), []string{`select[0].column[0].types: unknown property; supported are *`}},
		"of a where":       {`{"resource":"Patient","where":[{"path":"active","name":"x"}],` + idSelect + `}`, []string{`where[0].name: unknown property; supported are *`}},
		"twice":            {columns(`{"name":"a","path":"id","name":"b"}`), []string{`select[0].column[0].name: duplicate property`}},

		"column name missing": {columns(`{"path":"id"}`), []string{`select[0].column[0].name: name is required`}},
		"names missing":       {columns(`{"path":"id"},{"path":"id"}`), []string{`select[0].column[0].name: name is required`, `select[0].column[1].name: name is required`}},
		"union names missing": {union(`{"column":[{"name":"a","path":"id"}]}`, `{"column":[{"path":"id"}]}`), []string{`select[0].unionAll[1].column[0].name: name is required`}},
		"column name":         {columns(`{"name":"1a","path":"id"}`), []string{`select[0].column[0].name: invalid name "1a"; a letter followed by letters, digits and _ is allowed`}},
		"long column name":    {columns(`{"name":"` + strings.Repeat("a", 256) + `","path":"id"}`), []string{`select[0].column[0].name: the name has 256 bytes; the maximum is 255`}},
		"path missing":        {columns(`{"name":"a"}`), []string{`select[0].column[0].path: path is required`}},
		"path of a number":    {columns(`{"name":"a","path":1}`), []string{`select[0].column[0].path: must be a string, got a number`}},
		"path empty":          {columns(`{"name":"a","path":""}`), []string{`select[0].column[0].path: must not be empty`}},
		"path with an error":  {columns(`{"name":"a","path":"@@"}`), []string{`select[0].column[0].path: *`}},
		"unsupported":         {columns(`{"name":"a","path":"name.trace('x')"}`), []string{`select[0].column[0].path: *`}},
		"unknown constant":    {columns(`{"name":"a","path":"name.where(use = %u).family"}`), []string{`select[0].column[0].path: *`}},
		"collection":          {columns(`{"name":"a","path":"id","collection":"true"}`), []string{`select[0].column[0].collection: must be a boolean, got a string`}},
		"column object":       {patients(`{"column":{"name":"a","path":"id"}}`), []string{`select[0].column: must be an array, got an object`}},
		"description":         {columns(`{"name":"a","path":"id","description":true}`), []string{`select[0].column[0].description: must be a string, got a boolean`}},
		"duplicate columns": {patients(`{"column":[{"name":"a","path":"id"},{"name":"a","path":"id"}]},{"select":[{"column":[{"name":"a","path":"id"}]}]}`),
			[]string{`select[0].column[1].name: column "a" is already defined`, `select[1].select[0].column[0].name: column "a" is already defined`}},

		"type of a number":    {columns(`{"name":"a","path":"id","type":1}`), []string{`select[0].column[0].type: must be a string, got a number`}},
		"unknown type":        {columns(`{"name":"a","path":"id","type":"String"}`), []string{`select[0].column[0].type: unknown type "String"`}},
		"foreign type":        {columns(`{"name":"a","path":"id","type":"http://example.org/string"}`), []string{`select[0].column[0].type: unknown type "http://example.org/string"`}},
		"another family":      {columns(`{"name":"a","path":"birthDate","type":"boolean"}`), []string{`select[0].column[0].type: type boolean, but the path results in date`}},
		"number as string":    {columns(`{"name":"a","path":"multipleBirth.ofType(integer)","type":"string"}`), []string{`select[0].column[0].type: type string, but the path results in integer`}},
		"complex as string":   {columns(`{"name":"a","path":"name","type":"string"}`), []string{`select[0].column[0].type: type string, but the path results in HumanName`}},
		"string as complex":   {columns(`{"name":"a","path":"id","type":"Quantity"}`), []string{`select[0].column[0].type: type Quantity, but the path results in *`}},
		"unrelated complex":   {columns(`{"name":"a","path":"name","type":"Quantity"}`), []string{`select[0].column[0].type: type Quantity, but the path results in HumanName`}},
		"no type of a choice": {columns(`{"name":"a","path":"deceased","type":"integer"}`), []string{`select[0].column[0].type: type integer, but the path results in boolean, dateTime`}},

		"tag not an array": {columns(`{"name":"a","path":"id","tag":{}}`), []string{`select[0].column[0].tag: must be an array, got an object`}},
		"tag name":         {columns(`{"name":"a","path":"id","tag":[{"value":"INT"}]}`), []string{`select[0].column[0].tag[0].name: name is required`}},
		"tag value":        {columns(`{"name":"a","path":"id","tags":[{"name":"ansi/type"}]}`), []string{`select[0].column[0].tags[0].value: value is required`}},
		"unknown SQL type": {columns(`{"name":"a","path":"id","tag":[{"name":"ansi/type","value":"TEXT"}]}`), []string{`select[0].column[0].tag[0].value: unknown SQL type "TEXT"`}},
		"two SQL types": {columns(`{"name":"a","path":"id","tag":[{"name":"ansi/type","value":"CLOB"}],"tags":[{"name":"ansi/type","value":"CLOB"}]}`),
			[]string{`select[0].column[0].tags[0]: only one tag ansi/type is allowed`}},
		"incompatible SQL type": {columns(`{"name":"a","path":"birthDate","tag":[{"name":"ansi/type","value":"INTEGER"}]}`),
			[]string{`select[0].column[0].tag[0].value: values of type date cannot be stored as INTEGER`}},

		"two iterations": {patients(`{"forEach":"name","forEachOrNull":"name","column":[{"name":"a","path":"family"}]}`),
			[]string{`select[0].forEachOrNull: only one of forEach, forEachOrNull and repeat is allowed`}},
		"three iterations": {patients(`{"repeat":["name"],"forEach":"name","forEachOrNull":"name","column":[{"name":"a","path":"family"}]}`),
			[]string{`select[0].forEach: only one of forEach, forEachOrNull and repeat is allowed`, `select[0].forEachOrNull: only one of forEach, forEachOrNull and repeat is allowed`}},
		"forEach of a number":  {patients(`{"forEach":1,"column":[{"name":"a","path":"id"}]}`), []string{`select[0].forEach: must be a string, got a number`}},
		"forEach of an array":  {patients(`{"forEachOrNull":["name"],"column":[{"name":"a","path":"id"}]}`), []string{`select[0].forEachOrNull: must be a string, got an array`}},
		"forEach with errors":  {patients(`{"forEach":"@@","column":[{"name":"a","path":"@@"}]}`), []string{`select[0].forEach: *`, `select[0].column[0].path: *`}},
		"repeat of a string":   {patients(`{"repeat":"name","column":[{"name":"a","path":"id"}]}`), []string{`select[0].repeat: must be an array, got a string`}},
		"repeat of nothing":    {patients(`{"repeat":[],"column":[{"name":"a","path":"id"}]}`), []string{`select[0].repeat: must not be empty`}},
		"repeat of too many":   {patients(`{"repeat":["name"` + strings.Repeat(`,"name"`, 100) + `],"column":[{"name":"a","path":"id"}]}`), []string{`select[0].repeat: too many paths; the maximum is 100, got 101`}},
		"repeat of numbers":    {patients(`{"repeat":["name",1,""],"column":[{"name":"a","path":"family"}]}`), []string{`select[0].repeat[1]: must be a string, got a number`, `select[0].repeat[2]: must not be empty`}},
		"repeat with an error": {patients(`{"repeat":["name","@@"],"column":[{"name":"a","path":"family"}]}`), []string{`select[0].repeat[1]: *`}},

		"where not an array":  {`{"resource":"Patient","where":{"path":"active"},` + idSelect + `}`, []string{`where: must be an array, got an object`}},
		"where without path":  {`{"resource":"Patient","where":[{}],` + idSelect + `}`, []string{`where[0].path: path is required`}},
		"where not a boolean": {`{"resource":"Patient","where":[{"path":"active"},{"path":"name.family"}],` + idSelect + `}`, []string{`where[1].path: must result in a boolean, but results in string`}},
		"where of a choice":   {`{"resource":"Observation","where":[{"path":"value"},{"path":"effective"}],` + idSelect + `}`, []string{`where[1].path: must result in a boolean, but results in dateTime, Period, Timing, instant`}},
		"where with an error": {`{"resource":"Patient","where":[{"path":"active ="}],` + idSelect + `}`, []string{`where[0].path: *`}},

		"constant of no name":    {constants(`{"valueString":"a"}`), []string{`constant[0].name: name is required`}},
		"constant name":          {constants(`{"name":"a-b","valueString":"a"}`), []string{`constant[0].name: invalid name "a-b"; a letter followed by letters, digits and _ is allowed`}},
		"duplicate constants":    {constants(`{"name":"a","valueString":"a"},{"name":"a","valueString":"a"}`), []string{`constant[1].name: duplicate constant "a"`}},
		"rowIndex":               {constants(`{"name":"rowIndex","valueInteger":1}`), []string{`constant[0].name: %rowIndex is a variable`}},
		"constant without value": {constants(`{"name":"a"}`), []string{`constant[0].value: value[x] is required`}},
		"two values":             {constants(`{"name":"a","valueString":"a","valueCode":"a"}`), []string{`constant[0].valueCode: only one value[x] is allowed`}},
		"type of a constant":     {constants(`{"name":"a","valueQuantity":{}}`), []string{`constant[0].valueQuantity: unsupported type of a constant`}},
		"three values":           {constants(`{"valueString":"a","valueCode":"a","valueId":"a","name":"a"}`), []string{`constant[0].valueCode: only one value[x] is allowed`}},
		"value of no day":        {`{"resource":"Patient","constant":[{"name":"d","valueDate":"2019-02-31"}],"where":[{"path":"birthDate = %d"}],` + idSelect + `}`, []string{`constant[0].valueDate: invalid date "2019-02-31"`}},
		"value without end":      {constants(`{"name":"a","valueString":"` + strings.Repeat("a", 16<<10+1) + `"}`), []string{`constant[0].valueString: too long; the maximum is 16384 bytes, got 16385`}},
		"property of a constant": {constants(`{"name":"a","valueString":"a","val":1}`), []string{`constant[0].val: unknown property; supported are *`}},

		"union names": {union(`{"column":[{"name":"a","path":"id"},{"name":"b","path":"id"}]}`, `{"column":[{"name":"a","path":"id"},{"name":"c","path":"id"}]}`),
			[]string{`select[0].unionAll[1].column[1].name: column "c", but the first branch of the union has "b" here`}},
		"union order": {union(`{"column":[{"name":"a","path":"id"},{"name":"b","path":"id"}]}`, `{"column":[{"name":"b","path":"id"},{"name":"a","path":"id"}]}`),
			[]string{`select[0].unionAll[1].column[0].name: column "b", but the first branch of the union has "a" here`, `select[0].unionAll[1].column[1].name: column "a", but the first branch of the union has "b" here`}},
		"union number": {union(`{"column":[{"name":"a","path":"id"}]}`, `{"column":[{"name":"a","path":"id"},{"name":"b","path":"id"}]}`),
			[]string{`select[0].unionAll[1]: 2 columns, but the first branch of the union has 1`}},
		"union types": {union(`{"column":[{"name":"a","path":"active"}]}`, `{"column":[{"name":"a","path":"birthDate"}]}`),
			[]string{`select[0].unionAll[1].column[0].name: column "a" is date, but boolean in the branches of the union before`}},
		"union collections": {union(`{"column":[{"name":"a","path":"id"}]}`, `{"column":[{"name":"a","path":"id","collection":true}]}`),
			[]string{`select[0].unionAll[1].column[0].name: collection of column "a" differs from the first branch of the union`}},
		"union SQL types": {union(`{"column":[{"name":"a","path":"multipleBirth.ofType(integer)","tag":[{"name":"ansi/type","value":"BIGINT"}]}]}`, `{"column":[{"name":"a","path":"multipleBirth.ofType(integer)","tag":[{"name":"ansi/type","value":"INT"}]}]}`),
			[]string{`select[0].unionAll[1].column[0].name: column "a" is stored as INTEGER, but as BIGINT in the branches of the union before`}},
		"union SQL type of an untyped column": {union(`{"column":[{"name":"a","path":"{}","tag":[{"name":"ansi/type","value":"DATE"}]}]}`, `{"column":[{"name":"a","path":"active"}]}`),
			[]string{`select[0].unionAll[1].column[0].name: values of type boolean cannot be stored as DATE`}},
		"union type and SQL type": {union(`{"column":[{"name":"a","path":"birthDate","tag":[{"name":"ansi/type","value":"DATE"}]}]}`, `{"column":[{"name":"a","path":"meta.lastUpdated"}]}`),
			nil},
		"union beside a column": {patients(`{"column":[{"name":"a","path":"id"}],"unionAll":[{"column":[{"name":"a","path":"id"}]},{"column":[{"name":"a","path":"id"}]}]}`),
			[]string{`select[0].unionAll[0].column[0].name: column "a" is already defined`, `select[0].unionAll[1].column[0].name: column "a" is already defined`}},
		"too many columns": {columns(manyColumns(2002)), []string{`select[0].column[2000]: too many columns; the maximum is 2000, including all branches of unions`}},
		"too many selects": {patients(strings.Repeat(`{},`, 1001) + `{"column":[{"name":"a","path":"id"}]}`), []string{`select[1000]: too many selects; the maximum is 1000, including all branches of unions`}},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			requireFindings(t, test.want, findingsOf(t, test.document))
		})
	}
}

func constants(constants string) string {
	return `{"resource":"Patient","constant":[` + constants + `],` + idSelect + `}`
}

func union(branches ...string) string {
	return patients(`{"unionAll":[` + strings.Join(branches, ",") + `]}`)
}

func manyColumns(count int) string {
	all := make([]string, count)
	for i := range all {
		all[i] = fmt.Sprintf(`{"name":"c%d","path":"id"}`, i)
	}
	return strings.Join(all, ",")
}

// TestFindingsOrder: all findings are reported, in the order of the document.
func TestFindingsOrder(t *testing.T) {
	t.Parallel()
	requireFindings(t, []string{
		`select[0].column[0].path: *`,
		`select[1].forEach: *`,
		`where[0].path: must result in a boolean, but results in code`,
	}, findingsOf(t, `{"select":[{"column":[{"name":"a","path":"@@"}]},{"forEach":"#","column":[{"name":"b","path":"id"}]}],"where":[{"path":"gender"}],"resource":"Patient"}`))
	requireFindings(t, []string{
		`status: unknown status "x"; supported are *`,
		`select[0].column[0].collection: must be a boolean, got null`,
		`constant[0].value: value[x] is required`,
		`extra: unknown property; supported are *`,
	}, findingsOf(t, `{"status":"x","select":[{"column":[{"name":"a","path":"id","collection":null}]}],"resource":"Patient","constant":[{"name":"c"}],"extra":1}`))
}

// TestFindingsLimit: a hostile document cannot make an endless list.
func TestFindingsLimit(t *testing.T) {
	t.Parallel()
	document := patients(strings.Repeat(`1,`, 5000) + `1`)
	got := findingsOf(t, document)
	require.Len(t, got, 1001)
	require.Equal(t, ": 4001 more findings", got[1000])

	unknown := &strings.Builder{}
	for i := range 10_000 {
		fmt.Fprintf(unknown, `"x%d":1,`, i)
	}
	got = findingsOf(t, `{`+unknown.String()+`"resource":"Patient",`+idSelect+`}`)
	require.Less(t, len(got), 1000) // each is long
	require.Equal(t, fmt.Sprintf(": %d more findings", 10_001-len(got)), got[len(got)-1])
}

// TestParseMemory: the memory for a ViewDefinition is a few times its size, whatever is in
// it.
func TestParseMemory(t *testing.T) { //nolint:paralleltest // it measures the memory of the process
	filled := func(prefix, item, suffix string) []byte {
		return []byte(prefix + strings.Repeat(item, (1<<20-len(prefix)-len(suffix))/len(item)) + suffix)
	}
	for name, document := range map[string][]byte{
		"metadata":   filled(`{"resource":"Patient","contact":[1`, `,1`, `],`+idSelect+`}`),
		"objects":    filled(`{"resource":"Patient","contact":[{}`, `,{}`, `],`+idSelect+`}`),
		"extensions": filled(`{"resource":"Patient","select":[{"column":[{"name":"a","path":"id","extension":[1`, `,1`, `]}]}]}`),
		"columns":    filled(`{"resource":"Patient","select":[{"column":[1`, `,1`, `]}]}`),
		"unknown":    filled(`{"resource":"Patient","a":1`, `,"a":1`, `}`),
		"constants":  filled(`{"resource":"Patient","constant":[{}`, `,{}`, `]}`),
	} {
		_, err := view.Parse(document, fhir.R4())
		if strings.Contains(string(document), idSelect) || name == "extensions" {
			require.NoError(t, err, name)
		} else {
			require.Error(t, err, name)
		}
		require.Less(t, peakOf(func() { _, _ = view.Parse(document, fhir.R4()) }), int64(24<<20), name)
	}
}

// peakOf returns how much the heap grows while f runs.
func peakOf(f func()) int64 {
	defer debug.SetGCPercent(debug.SetGCPercent(10))
	runtime.GC()
	inUse := func() int64 {
		var stats runtime.MemStats
		runtime.ReadMemStats(&stats)
		return int64(stats.HeapInuse)
	}
	before := inUse()
	stop, peak := make(chan struct{}), make(chan int64)
	go func() {
		most := inUse()
		for {
			select {
			case <-stop:
				peak <- most
				return
			default:
				most = max(most, inUse())
			}
		}
	}()
	f()
	close(stop)
	return <-peak - before
}

// TestLongFindings: findings do not repeat long texts of the document.
func TestLongFindings(t *testing.T) {
	t.Parallel()
	long := strings.Repeat("a", 10_000)
	for name, document := range map[string]string{
		"names of a union":    union(`{"column":[{"name":"`+long+`","path":"id"}]}`, `{"column":[{"name":"b","path":"id"}]}`),
		"duplicate name":      columns(`{"name":"` + long + `","path":"id"},{"name":"` + long + `","path":"id"}`),
		"invalid name":        columns(`{"name":"é` + long + `","path":"id"}`),
		"element":             columns(`{"name":"a","path":"` + long + `"}`),
		"element of element":  columns(`{"name":"a","path":"name.` + long + `.x"}`),
		"function":            columns(`{"name":"a","path":"` + long + `()"}`),
		"constant":            columns(`{"name":"a","path":"%` + long + `"}`),
		"token":               columns(`{"name":"a","path":"id '` + long + `'"}`),
		"type argument":       columns(`{"name":"a","path":"id.ofType(` + long + `)"}`),
		"integer":             columns(`{"name":"a","path":"` + strings.Repeat("9", 10_000) + `"}`),
		"date":                columns(`{"name":"a","path":"@T10:00:99.` + strings.Repeat("9", 10_000) + `"}`),
		"type":                columns(`{"name":"a","path":"id","type":"` + long + `"}`),
		"SQL type":            columns(`{"name":"a","path":"id","tag":[{"name":"ansi/type","value":"` + long + `"}]}`),
		"length":              columns(`{"name":"a","path":"id","tag":[{"name":"ansi/type","value":"CHAR(` + strings.Repeat("9", 10_000) + `)"}]}`),
		"storage":             columns(`{"name":"a","path":"id","tag":[{"name":"ansi/type","value":"DATE` + strings.Repeat(" ", 10_000) + `"}]}`),
		"property":            columns(`{"name":"a","path":"id","` + long + `":1}`),
		"resource":            `{"resource":"` + long + `",` + idSelect + `}`,
		"status":              `{"status":"` + long + `","resource":"Patient",` + idSelect + `}`,
		"value of a constant": constants(`{"name":"c","valueDate":"` + long + `"}`),
		"constants":           constants(`{"name":"` + long + `","valueCode":"a"},{"name":"` + long + `","valueCode":"a"}`),
	} {
		for _, finding := range findingsOf(t, document) {
			require.Less(t, len(finding), 700, name)
			require.True(t, utf8.ValidString(finding), name)
		}
	}
}

// TestVersions: a view for several versions of FHIR is one for R4 if that is among them.
func TestVersions(t *testing.T) {
	t.Parallel()
	for _, versions := range []string{`[]`, `["4.0"]`, `["4.0.0"]`, `["4.0.1"]`, `["5.0.0","4.0.1"]`} {
		require.Empty(t, findingsOf(t, `{"fhirVersion":`+versions+`,"resource":"Patient",`+idSelect+`}`), versions)
	}
	for _, versions := range []string{`["4.01"]`, `["4"]`, `["4.3.0"]`, `["3.0.2"]`} {
		require.Len(t, findingsOf(t, `{"fhirVersion":`+versions+`,"resource":"Patient",`+idSelect+`}`), 1, versions)
	}
}

// TestConstantValues: the JSON value of a constant must be one of its type.
func TestConstantValues(t *testing.T) {
	t.Parallel()
	for name, values := range map[string]struct{ valid, invalid []string }{
		"valueBase64Binary": {[]string{`"aGVsbG8K"`, `"aGVs bG8K"`}, []string{`""`, `"a"`, `1`}},
		"valueBoolean":      {[]string{`true`, `false`}, []string{`"true"`, `null`}},
		"valueCanonical":    {[]string{`"http://example.org|1"`}, []string{`""`, `"a b"`, `1`}},
		"valueCode":         {[]string{`"a"`, `"a b"`}, []string{`""`, `" a"`, `"a  b"`, `1`}},
		"valueDate":         {[]string{`"2020"`, `"2020-12"`, `"2020-12-31"`}, []string{`"20"`, `"2020-13"`, `"2020-12-32"`, `"2020-12-31T00:00:00Z"`, `"2019-02-31"`, `"2019-02-29"`, `2020`}},
		"valueDateTime":     {[]string{`"2020"`, `"2020-12-31"`, `"2020-12-31T00:00:00Z"`, `"2020-12-31T00:00:00.5+14:00"`}, []string{`"2020-12-31T25:00:00Z"`, `"2020-12T00:00:00Z"`, `"2020-12-31T00:00Z"`, `"2019-02-31T00:00:00Z"`, `"2020-12-31T00:00:00+15:00"`}},
		"valueDecimal":      {[]string{`1`, `1.0`, `-1e3`}, []string{`"1"`, `true`}},
		"valueId":           {[]string{`"a-1.B"`}, []string{`"a_b"`, `""`, `"` + strings.Repeat("a", 65) + `"`}},
		"valueInstant":      {[]string{`"2015-02-07T13:28:17.239+02:00"`}, []string{`"2015-02-07"`, `"2015-02-07T13:28:17"`, `"2015-02-30T13:28:17Z"`}},
		"valueInteger":      {[]string{`1`, `-2147483648`, `2147483647`}, []string{`1.0`, `1e2`, `2147483648`, `"1"`}},
		"valueInteger64":    {[]string{`"9223372036854775807"`, `1`}, []string{`"9223372036854775808"`, `"a"`, `true`}},
		"valueOid":          {[]string{`"urn:oid:1.0"`}, []string{`"1.0"`, `"urn:oid:3.1"`}},
		"valueString":       {[]string{`"a"`, `" "`, `"` + strings.Repeat("a", 16<<10) + `"`}, []string{`""`, `1`, `"` + strings.Repeat("a", 16<<10+1) + `"`}},
		"valuePositiveInt":  {[]string{`1`}, []string{`0`, `-1`}},
		"valueTime":         {[]string{`"18:12:00"`, `"18:12:00.5"`}, []string{`"18:12"`, `"T18:12:00"`, `"24:00:00"`}},
		"valueUnsignedInt":  {[]string{`0`}, []string{`-1`, `2147483648`}},
		"valueUri":          {[]string{`"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"`}, []string{`""`, `"a b"`}},
		"valueUrl":          {[]string{`"http://example.org"`}, []string{`"a b"`}},
		"valueUuid":         {[]string{`"urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"`}, []string{`"53fefa32-fcbb-4ff8-8a92-55ee120877b7"`}},
	} {
		for _, value := range values.valid {
			require.Empty(t, findingsOf(t, constants(fmt.Sprintf(`{"name":"c","%s":%s}`, name, value))), "%s %s", name, value)
		}
		for _, value := range values.invalid {
			got := findingsOf(t, constants(fmt.Sprintf(`{"name":"c","%s":%s}`, name, value)))
			require.Len(t, got, 1, "%s %s", name, value)
			require.True(t, strings.HasPrefix(got[0], "constant[0]."+name+": "), "%s", got)
		}
	}
}
