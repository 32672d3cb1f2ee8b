package fhirpath_test

import (
	"bytes"
	"encoding/json"
	"errors"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// patient has what is rare in resources: siblings, nulls, escapes, equal names.
const patient = `{
	"resourceType": "Patient", "id": "p1", "active": true, "birthDate": "1970-06",
	"_birthDate": {"id": "b1", "extension": [{"url": "http://x/time", "valueDateTime": "1970-06-01T10:00:00Z"}]},
	"_gender": {"extension": [{"url": "absent", "valueCode": "unknown"}]},
	"name": [
		{"use": "official", "family": "A\"\u00e9\ud83d\ude00\\\n", "given": ["x", null, "z"], "_given": [null, {"id": "g2", "extension": [{"url": "u", "valueInteger": 1}]}, null]},
		{"use": "usual", "family": "B", "given": ["y"], "period": {"start": "2020-02", "end": "2021-02-03T10:00:00+02:00"}},
		{"family": "C", "_given": [{"id": "g9"}]}
	],
	"language": null, "telecom": [{"rank": 1, "value": "1"}, {"rank": 2, "value": "2"}],
	"deceasedBoolean": false,
	"multipleBirthInteger": 2,
	"contact": [
		{"name": {"family": "D"}, "telecom": [{"value": "3"}, {"value": "4"}]},
		{"name": {"family": "E"}, "telecom": [{"value": "5"}]}
	],
	"generalPractitioner": [
		{"reference": "Practitioner/pr1"}, {"reference": "Organization/o1/_history/4"}, {"reference": "#c1"},
		{"reference": "urn:uuid:53fefa32-fcbb-4ff8-8a92-55ee120877b7"}, {"reference": "https://ex.org/fhir/Practitioner/pr2"},
		{"display": "x"}, {"reference": "Practitioner\/pr3"}, {"reference": "Practitioner?identifier=a/b"}
	],
	"maritalStatus": {"coding": [{"system": "s", "code": "M"}, {"system": "t", "code": "M"}], "text": "m"},
	"communication": [{"language": {"text": "m", "coding": [{"code": "M", "system": "s"}, {"system": "t", "code": "M"}]}}],
	"contained": [{"resourceType": "Organization", "id": "c1", "name": "Org"}, {"resourceType": "Observation", "id": "c2", "valueQuantity": {"value": 1.50, "unit": "mg", "system": "http://unitsofmeasure.org", "code": "mg"}}, {"resourceType": "Custom", "id": "c3", "name": ["n"]}],
	"extension": [
		{"url": "a", "extension": [{"url": "b", "valueCoding": {"code": "c"}}]}, {"url": "a", "valueString": "s"},
		{"url": "big", "valueDecimal": 12345678901234567890.10}, {"url": "exp", "valueDecimal": 1.5e2},
		{"url": "q", "valueQuantity": {"value": 2, "system": "http://unitsofmeasure.org", "code": "mg"}},
		{"url": "i", "valueInstant": "2015-02-07T13:28:17.239+02:00"}, {"url": "t", "valueTime": "10:30:00"},
		{"url": "p", "valuePeriod": {"start": "2020"}}
	]
}`

// indexed returns an index of the resource.
func indexed(resource []byte) *fhirpath.Index {
	index := &fhirpath.Index{}
	index.Reset(resource)
	return index
}

func compact(t testing.TB, text string) []byte {
	t.Helper()
	var b bytes.Buffer
	require.NoError(t, json.Compact(&b, []byte(text)))
	return b.Bytes()
}

func patientScope() fhirpath.Scope {
	return fhirpath.Scope{
		Tables: fhir.R4(), Resource: "Patient", Focus: "Patient", AtRoot: true,
		Constants: map[string]fhirpath.Constant{
			"s": {Type: "string", Text: "usual"}, "i": {Type: "integer", Text: "1"}, "d": {Type: "decimal", Text: "1.50"},
			"b": {Type: "boolean", Text: "true"}, "dt": {Type: "dateTime", Text: "2015-02-07T11:28:17.239Z"},
			"a b": {Type: "code", Text: "q"}, "big": {Type: "integer64", Text: "9223372036854775807"}, "bad": {Type: "integer", Text: "x"}, "badDate": {Type: "dateTime", Text: "2020-02-30"}, "badTime": {Type: "time", Text: "25:00"}, "badBoolean": {Type: "boolean", Text: "yes"}, "badDecimal": {Type: "decimal", Text: "1."}, "badType": {Type: "HumanName", Text: "x"},
		},
	}
}

// evaluate returns the results of an expression on the patient, each as its text. A string
// is in quotes, a value that is missing is null.
func evaluate(t testing.TB, expression string) (string, error) {
	t.Helper()
	return evaluateOn(t, expression, compact(t, patient))
}

func evaluateOn(t testing.TB, expression string, resource []byte) (string, error) {
	t.Helper()
	x, err := fhirpath.Compile(expression, patientScope())
	if err != nil {
		return "", err
	}
	e := fhirpath.NewEvaluator(fhir.R4())
	e.Reset("Patient", indexed(resource))
	items, err := e.Append(nil, x, e.Root(), 7)
	var texts []string
	for _, v := range items {
		text := string(e.Text(v))
		switch v.Kind() {
		case fhirpath.Null:
			require.Nil(t, e.Text(v))
			text = "null"
		case fhirpath.String:
			text = "'" + text + "'"
		}
		texts = append(texts, text)
	}
	return strings.Join(texts, " "), err
}

// evaluations has expressions and their results on the patient: one for each rule of the
// semantics.
var evaluations = [][2]string{
	// paths
	{`id`, `'p1'`},
	{`name.use`, `'official' 'usual'`},
	{`name.family`, "'A\"é😀\\\n' 'B' 'C'"},
	{`Patient.name.use`, `'official' 'usual'`},
	{`Resource.id`, `'p1'`},
	{`Observation.status`, ``},
	{`Observation.nothing.at.all`, ``},
	{"`name`.`use`", `'official' 'usual'`},
	{`contact.telecom.value`, `'3' '4' '5'`},
	{`contact.telecom[0].value`, `'3'`},
	{`contact.telecom[2].value`, `'5'`},
	{`photo.url`, ``},
	{`multipleBirth`, `2`},
	{`deceased.ofType(boolean)`, `false`},
	{`deceased.ofType(dateTime)`, ``},
	{`maritalStatus.text`, `'m'`},
	{`extension.value.value`, `2`},
	{`contained.id`, `'c1' 'c2' 'c3'`},
	{`contained.name`, `'Org' 'n'`},
	{`contained.ofType(Observation).value.unit`, `'mg'`},
	{`contained.value.ofType(Quantity).value`, `1.50`},
	{`contained.ofType(Observation).value.code`, `'mg'`},
	{`extension.value.ofType(Coding).code`, ``},
	{`extension.extension.value.ofType(Coding).code`, `'c'`},
	{`maritalStatus.coding[1]`, `{"system":"t","code":"M"}`},
	// indexer
	{`telecom[0].value`, `'1'`},
	{`telecom[%i].value`, `'2'`},
	{`telecom[2].value`, ``},
	{`telecom[-1].value`, ``},
	{`telecom[{}].value`, ``},
	{`telecom[0 + 1].value`, `'2'`},
	{`telecom[2 - 1].rank`, `2`},
	// primitives with siblings
	{`birthDate.extension('http://x/time').value`, `'1970-06-01T10:00:00Z'`},
	{`birthDate.extension.url`, `'http://x/time'`},
	{`birthDate.id`, `'b1'`},
	{`gender`, `null`},
	{`gender.exists()`, `true`}, {`gender < 'male'`, ``}, {`gender.not()`, ``}, {`language.exists()`, `false`},

	{`gender = 'male'`, ``},
	{`gender.extension('absent').value.ofType(code)`, `'unknown'`},
	{`name.given`, `'x' null 'z' 'y' null`},
	{`name.given.extension('u').value`, `1`},
	{`name[0].given[1].id`, `'g2'`},
	{`name.given.id`, `'g2' 'g9'`},
	{`name[0].given[2]`, `'z'`},
	{`name.given.where($this = 'z')`, `'z'`},
	{`name.given.join('-')`, `'x-z-y'`},
	// literals and variables
	{`'a\'b\"c\` + "`" + `d\r\n\t\f\\\/\u00e9\ud83d\ude00\q'`, "'a'b\"c`d\r\n\t\f\\/é😀q'"},
	{`5`, `5`}, {`007`, `7`}, {`3.14`, `3.14`}, {`00.50`, `0.50`}, {`-3.0`, `-3.0`}, {`- -3`, `3`},
	{`true`, `true`}, {`false`, `false`}, {`{}`, ``}, {`@2014`, `'2014'`}, {`@2014-01-25T14:30:14.559Z`, `'2014-01-25T14:30:14.559Z'`},
	{`@2014T`, `'2014'`}, {`@T14:34:28.123`, `'14:34:28.123'`},
	{`4.5 'mg'`, `{"value":4.5,"unit":"mg","system":"http://unitsofmeasure.org","code":"mg"}`},
	{`4 days`, `{"value":4,"unit":"day"}`}, {`-4 days`, `{"value":-4,"unit":"day"}`}, {`-(-4 days)`, `{"value":4,"unit":"day"}`},
	{`%s`, `'usual'`}, {"%`a b`", `'q'`}, {`%'a b'`, `'q'`}, {`%rowIndex`, `7`}, {`(%rowIndex)`, `7`},
	{`name.where(use = %s).family`, `'B'`},
	{"id // comment\n", `'p1'`}, {`/* a */ id /* b */`, `'p1'`},
	{`$this.id`, `'p1'`},
	// where, exists, empty, first, not
	{`name.where(use = 'usual').family`, `'B'`},
	{`name.where(use = 'usual' or use = 'official').use`, `'official' 'usual'`},
	{`name.where(use = 'usual' or period.start = @2000-01).use`, `'usual'`},
	{`telecom.where($index = 1).value`, `'2'`},
	{`telecom.where($this.rank = 1).value`, `'1'`},
	{`telecom.where(value).value`, `'1' '2'`},
	{`telecom.where(false).value`, ``},
	{`telecom.where({}).value`, ``},
	{`telecom.where(%rowIndex = 7).value`, `'1' '2'`},
	{`contact.where(telecom.where(value = '5').exists()).name.family`, `'E'`},
	{`where(active).id`, `'p1'`},
	{`name.exists()`, `true`}, {`photo.exists()`, `false`}, {`name.exists(use = 'usual')`, `true`}, {`name.exists(use = 'old')`, `false`},
	{`name.empty()`, `false`}, {`photo.empty()`, `true`},
	{`name.first().use`, `'official'`}, {`photo.first()`, ``}, {`name.use.first()`, `'official'`},
	{`active.not()`, `false`}, {`deceased.not()`, `true`}, {`photo.not()`, ``}, {`id.not()`, `false`},
	// ofType
	{`id.ofType(string)`, `'p1'`}, {`id.ofType(id)`, `'p1'`}, {`id.ofType(code)`, ``}, {`id.ofType(FHIR.string)`, `'p1'`}, {"id.ofType(FHIR.`string`)", `'p1'`},
	{`id.ofType(System.String)`, ``}, {`'a'.ofType(String)`, `'a'`}, {`'a'.ofType(System.String)`, `'a'`}, {`1.ofType(Integer)`, `1`},
	{`telecom.rank.ofType(integer)`, `1 2`}, {`contained.ofType(Organization).name`, `'Org'`}, {`contained.ofType(DomainResource).id`, `'c1' 'c2'`},
	{`ofType(Patient).id`, `'p1'`}, {`ofType(Observation).id`, ``},
	// extension
	{`extension('a').extension('b').value.ofType(Coding).code`, `'c'`}, {`extension('a').value`, `'s'`}, {`extension('none')`, ``}, {`extension({})`, ``},
	{`extension('big').value`, `12345678901234567890.10`},
	// join
	{`name.use.join(',')`, `'official,usual'`}, {`name.use.join()`, `'officialusual'`}, {`photo.title.join(',')`, ``}, {`name.use.join({})`, ``},
	{`name.family.join('\n')`, "'A\"é😀\\\n\nB\nC'"},
	// keys
	{`getResourceKey()`, `'p1'`}, {`Patient.getResourceKey()`, `'p1'`}, {`contained.getResourceKey()`, ``},
	{`generalPractitioner.getReferenceKey()`, `'pr1' 'o1' 'pr3'`},
	{`generalPractitioner.getReferenceKey(Practitioner)`, `'pr1' 'pr3'`},
	{`generalPractitioner.getReferenceKey(Organization)`, `'o1'`},
	{`generalPractitioner[0].getReferenceKey(Patient)`, ``},
	// equality
	{`id = 'p1'`, `true`}, {`id = 'p2'`, `false`}, {`id != 'p2'`, `true`}, {`photo = 'x'`, ``}, {`'x' != photo`, ``},
	{`name.use = 'official'`, `false`}, {`name.use != 'official'`, `true`}, {`name.use = name.use`, `true`},
	{`1 = 1.0`, `true`}, {`1.0 = 1.00`, `true`}, {`1 = 2`, `false`}, {`'1' = 1`, `false`}, {`'A' = 'a'`, `false`}, {`true = true`, `true`}, {`true = false`, `false`},
	{`extension('exp').value = 150`, `true`}, {`extension('big').value = 12345678901234567890.1`, `true`}, {`extension('big').value = 12345678901234567890.11`, `false`},
	{`name.family.first() = 'A"é😀\\\n'`, `true`}, {`name.family.first() = 'A"é'`, `false`},
	{`maritalStatus = communication.language`, `true`}, {`maritalStatus != communication.language`, `false`}, {`contact[0] = contact[1]`, `false`},
	{`maritalStatus.coding = communication.language.coding`, `true`}, {`maritalStatus.coding[0] = maritalStatus.coding[1]`, `false`},
	{`%d = 1.5`, `true`}, {`%b = active`, `true`},
	// quantities
	{`extension('q').value = 2 'mg'`, `true`}, {`extension('q').value.ofType(Quantity) > 1.5 'mg'`, `true`}, {`extension('q').value = 2 'g'`, ``},
	{`contained.value < extension('q').value`, `true`}, {`1 day = 1 days`, `true`}, {`1 day = 1 'd'`, ``}, {`1 'mg' < 2 'mg'`, `true`},
	// order
	{`1 < 2`, `true`}, {`2 <= 1.9`, `false`}, {`2 > 1.99999999999999999999999`, `true`}, {`2 >= 2.0`, `true`}, {`-1 < 0.5`, `true`}, {`-2 < -1.5`, `true`},
	{`'a' < 'b'`, `true`}, {`'Z' < 'a'`, `true`}, {`'é' > 'z'`, `true`}, {`photo.title < 'a'`, ``}, {`1 < {}`, ``},
	{`telecom[0].rank < telecom[1].rank`, `true`},
	// logic
	{`false and photo.title`, `false`}, {`true and {}`, ``}, {`{} and {}`, ``}, {`{} and false`, `false`}, {`true and true`, `true`}, {`true and false`, `false`},
	{`true or {}`, `true`}, {`{} or true`, `true`}, {`false or {}`, ``}, {`{} or {}`, ``}, {`false or false`, `false`}, {`false or true`, `true`},
	{`id and true`, `true`}, {`{} and true`, ``}, {`{} or false`, ``},
	// precedence
	{`1 + 2 * 3`, `7`}, {`(1 + 2) * 3`, `9`}, {`2 * 3 + 1 = 7 and true`, `true`}, {`1 < 2 = true`, `true`}, {`true or false and false`, `true`},
	{`-1 + 2`, `1`}, {`8 - 3 - 2`, `3`}, {`8 / 2 / 2`, `2`}, {`-telecom[0].rank`, `-1`}, {`2 - -1`, `3`},
	// arithmetic
	{`1 + 2`, `3`}, {`1 + 2.5`, `3.5`}, {`1.0 + 1.0`, `2.0`}, {`'a' + 'b'`, `'ab'`}, {`id + '\n'`, "'p1\n'"}, {`name.family.first() + 'x'`, "'A\"é😀\\\nx'"},
	{`1 - 2.5`, `-1.5`}, {`2 * 3.5`, `7.0`}, {`3 / 2`, `1.5`}, {`6 / 3`, `2`}, {`1 / 3`, `0.3333333333333333`}, {`1 / 131072`, `0.0000076293945313`}, {`2 / 3`, `0.6666666666666667`}, {`-1 / 3`, `-0.3333333333333333`},
	{`1 / 0`, ``}, {`1.0 / 0.00`, ``}, {`1 + {}`, ``}, {`{} - 1`, ``}, {`photo.size * 2`, ``},
	{`2147483647 + 1`, ``}, {`2147483647 * 2`, ``}, {`-2147483647 - 2`, ``}, {`-2147483647 - 1`, `-2147483648`}, {`2147483647 + 1.0`, `2147483648.0`},
	{`%big + 1`, ``}, {`%big - 1`, `9223372036854775806`}, {`%big * -1`, `-9223372036854775807`},
	{`12345678901234567890.0 + 1`, `12345678901234567891.0`}, {`2147483648 + 1`, `2147483649`}, {`9223372036854775807 + 1`, ``}, {`contained.ofType(Observation).value.ofType(Quantity).value + 1`, `2.50`}, {`12345678901234567890.5 * 2`, `24691357802469135781.0`}, {`1 / 12345678901234567890.0`, `0`},
	{`9999999999999999999.9 / 3`, `3333333333333333333.3`}, {`0.1 + 0.2`, `0.3`}, {`0.00000000000000000001 + 1`, `1.00000000000000000001`},
	{`extension('exp').value + 1`, `151`}, {`999999999 / 0.000000001`, `999999999000000000`},
	{`-extension('big').value`, `-12345678901234567890.10`}, {`-{}`, ``},
}

// TestEvaluate compares the results on the whole resource, and on one that has only the
// elements that the expression reads.
func TestEvaluate(t *testing.T) {
	t.Parallel()
	for _, c := range evaluations {
		got, err := evaluate(t, c[0])
		require.NoError(t, err, c[0])
		require.Equal(t, c[1], got, c[0])

		x, err := fhirpath.Compile(c[0], patientScope())
		require.NoError(t, err, c[0])
		if names, all := x.Elements(); !all {
			got, err = evaluateOn(t, c[0], reduced(t, names))
			require.NoError(t, err, c[0])
			require.Equal(t, c[1], got, c[0])
		}
	}
}

// reduced returns the patient with these elements only.
func reduced(t testing.TB, names []string) []byte {
	t.Helper()
	var all, kept map[string]json.RawMessage
	require.NoError(t, json.Unmarshal([]byte(patient), &all))
	kept = map[string]json.RawMessage{"resourceType": all["resourceType"]}
	for key, value := range all {
		for _, name := range names {
			e, ok := fhir.R4().Element("Patient", name)
			if bare := strings.TrimPrefix(key, "_"); ok && (bare == name || e.Choice && strings.HasPrefix(bare, name)) {
				kept[key] = value
			}
		}
	}
	text, err := json.Marshal(kept)
	require.NoError(t, err)
	return compact(t, string(text))
}

// TestDataErrors: what cannot be evaluated on a resource is an error without its values.
func TestDataErrors(t *testing.T) {
	t.Parallel()
	for expression, reason := range map[string]string{
		`name.use < 'x'`:                  `operator < needs a single value, got several`,
		`name.use + 'x'`:                  `operator + needs a single value, got several`,
		`-telecom.rank`:                   `operator - needs a single value, got several`,
		`name.use.not()`:                  `not() needs a single value, got several`,
		`name.use and true`:               `operator and needs a single value, got several`,
		`name.where(given).use`:           `where() needs a single value, got several`,
		`name.exists(given)`:              `exists() needs a single value, got several`,
		`telecom[telecom.rank]`:           `[] needs a single value, got several`,
		`name.use.join(name.use)`:         `join() needs a single value, got several`,
		`extension(name.use)`:             `extension() needs a single value, got several`,
		`telecom.rank.lowBoundary()`:      `lowBoundary() needs a single value, got several`,
		`1.5.highBoundary(telecom.rank)`:  `highBoundary() needs a single value, got several`,
		`extension('a').value < 1`:        `operator < is not for values of type string and System.Integer`,
		`extension('a').value + 1`:        `operator + is not for values of type string and System.Integer`,
		`extension('p').value > @2020`:    `operator > is not for values of type Period and System.Date`,
		`-extension('a').value`:           `operator - needs a number, got string`,
		`extension('exp').value.join()`:   `join() needs strings, got decimal`,
		`telecom[extension('exp').value]`: `the index in [] must be an Integer`,
	} {
		_, err := evaluate(t, expression)
		var data *fhirpath.DataError
		require.ErrorAs(t, err, &data, expression)
		require.Equal(t, reason, data.Reason, expression)
	}
}

// TestBaseURL: a reference below the base of the server has a key.
func TestBaseURL(t *testing.T) {
	t.Parallel()
	x, err := fhirpath.Compile(`generalPractitioner.getReferenceKey(Practitioner)`, patientScope())
	require.NoError(t, err)
	for base, want := range map[string]int{"": 2, "https://ex.org/fhir": 3, "https://ex.org/fhir/": 3, "https://ex.org": 2, "https://ex.org/fhi": 2} {
		e := fhirpath.NewEvaluator(fhir.R4())
		e.BaseURL = base
		e.Reset("Patient", indexed(compact(t, patient)))
		items, err := e.Append(nil, x, e.Root(), 0)
		require.NoError(t, err)
		require.Len(t, items, want, base)
	}
}

// TestRelease: the memory of results is reused after Release, and stays valid before it.
func TestRelease(t *testing.T) {
	t.Parallel()
	x, err := fhirpath.Compile(`name.family.join(',')`, patientScope())
	require.NoError(t, err)
	e := fhirpath.NewEvaluator(fhir.R4())
	e.Reset("Patient", indexed(compact(t, patient)))
	first, err := e.Append(nil, x, e.Root(), 0)
	require.NoError(t, err)
	want := string(e.Text(first[0]))
	mark := e.Mark()
	for range 10000 {
		items, err := e.Append(nil, x, e.Root(), 0)
		require.NoError(t, err)
		require.Equal(t, want, string(e.Text(items[0])))
		e.Release(mark)
	}
	require.Equal(t, mark, e.Mark())
	require.Equal(t, want, string(e.Text(first[0])))
}

// manyGivens returns a patient with so many given names, each of one byte.
func manyGivens(count int) []byte {
	return []byte(`{"resourceType":"Patient","name":[{"given":["a"` + strings.Repeat(`,"a"`, count-1) + `]}]}`)
}

// TestManyItems: the number of items in memory is limited, not that of a resource.
func TestManyItems(t *testing.T) {
	t.Parallel()
	const reason = "too many items; the maximum is 1000000 at a time"
	short := manyGivens(600_000)
	for _, expression := range []string{`name.given.exists()`, `name.given.where($index = 599999)`, `name.given[599999]`, `name.given.join('')`} {
		_, err := evaluateOn(t, expression, short)
		require.NoError(t, err, expression)
	}
	long := manyGivens(1_000_001)
	extensions := []byte(`{"resourceType":"Patient","extension":[{"url":"u"}` + strings.Repeat(`,{"url":"u"}`, 1_000_000) + `]}`)
	for expression, resource := range map[string][]byte{
		`name.given`: long, `name.given.first()`: long, `name.exists(given.exists())`: long, `extension`: extensions, `extension('u').exists()`: extensions,
		`name.given = name.given`: short,
	} {
		_, err := evaluateOn(t, expression, resource)
		var data *fhirpath.DataError
		require.ErrorAs(t, err, &data, expression)
		require.Equal(t, reason, data.Reason, expression)
	}

	x, err := fhirpath.Compile(`name.given`, patientScope())
	require.NoError(t, err)
	e := fhirpath.NewEvaluator(fhir.R4())
	e.Reset("Patient", indexed(short))
	items, err := e.Append(nil, x, e.Root(), 0)
	require.NoError(t, err)
	items, err = e.Append(items, x, e.Root(), 0)
	require.EqualError(t, err, reason)
	require.Len(t, items, 600_000)
}

// TestLongText: the text that an expression makes is limited by the resource.
func TestLongText(t *testing.T) {
	t.Parallel()
	scope := patientScope()
	scope.Constants["c"] = fhirpath.Constant{Type: "string", Text: strings.Repeat("x", 16<<10)}
	sum := func(term string, count int) string { return term + strings.Repeat(" + "+term, count-1) }
	given := []byte(`{"resourceType":"Patient","name":[{"given":["a"` + strings.Repeat(`,"a"`, 1999) + `]}]}`)
	family := []byte(`{"resourceType":"Patient","name":[{"family":"` + strings.Repeat("y", 1<<20) + `"}]}`)
	for expression, test := range map[string]struct {
		resource []byte
		want     int // bytes of text; -1 is an error
	}{
		sum(`%c`, 1000):                     {given, 1000 << 14},
		sum(`%c`, 1100):                     {given, -1},
		`'a' + (` + sum(`%c`, 500) + `)`:    {given, 500<<14 + 1},
		`(` + sum(`%c`, 1100) + `) = 'x'`:   {given, -1},
		sum(`name.family`, 18):              {family, 18 << 20},
		sum(`name.family`, 21):              {family, -1},
		`name.given.join(%c)`:               {given, -1},
		`name.given.join('--')`:             {given, 2000 + 1999*2},
		`name.given.where($this + %c = '')`: {given, 0},
		`name.given.where($this + 'b' = 'ab').where($index > 5).join()`: {given, 1994},
	} {
		x, err := fhirpath.Compile(expression, scope)
		require.NoError(t, err)
		e := fhirpath.NewEvaluator(fhir.R4())
		e.Reset("Patient", indexed(test.resource))
		items, err := e.Append(nil, x, e.Root(), 0)
		if name := expression[:min(len(expression), 60)]; test.want < 0 {
			var data *fhirpath.DataError
			require.ErrorAs(t, err, &data, name)
			require.Regexp(t, `^the result is too long; the maximum is \d+ bytes for this resource$`, data.Reason)
		} else {
			require.NoError(t, err, name)
			size := 0
			for _, v := range items {
				size += len(e.Text(v))
			}
			require.Equal(t, test.want, size, name)
			require.LessOrEqual(t, e.Mark(), 2*test.want+8, name)
		}
	}
}

// TestStop: the evaluation of a long expression on a large resource can be stopped soon.
func TestStop(t *testing.T) {
	t.Parallel()
	chain := `name.suffix.empty()` + strings.Repeat(` and name.suffix.empty()`, 200)
	for name, test := range map[string]struct {
		expression string
		givens     int
		wantCalls  int // at least
	}{
		"long expression, large resource": {chain, 250_000, 20},
		"long expression":                 {chain, 10, 0},
		"many items":                      {`name.given.where($this = 'b' or $index = 1)`, 250_000, 1_000},
		"many steps":                      {`name.given.where($this = 'b' or $index = 1)`, 5_000, 3},
	} {
		x, err := fhirpath.Compile(test.expression, patientScope())
		require.NoError(t, err)
		e := fhirpath.NewEvaluator(fhir.R4())
		calls := 0
		e.Stop = func() error { calls++; return nil }
		e.Reset("Patient", indexed(manyGivens(test.givens)))
		_, err = e.Append(nil, x, e.Root(), 0)
		require.NoError(t, err, name)
		require.GreaterOrEqual(t, calls, test.wantCalls, name)
		if calls == 0 {
			continue
		}
		stopped := errors.New("stopped")
		e.Stop = func() error { calls++; return stopped }
		calls = 0
		_, err = e.Append(nil, x, e.Root(), 0)
		require.ErrorIs(t, err, stopped, name)
		require.Equal(t, 1, calls, name)
	}
}
