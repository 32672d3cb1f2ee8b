package view_test

import (
	"fmt"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/view"
)

func parse(tb testing.TB, document string) *view.View {
	tb.Helper()
	v, err := view.Parse([]byte(document), fhir.R4())
	require.NoError(tb, err)
	return v
}

// TestForms: both published forms of a ViewDefinition are accepted.
func TestForms(t *testing.T) {
	t.Parallel()
	for name, properties := range map[string]string{
		"no resourceType": ``,
		"2.0.0":           `"resourceType":"https://sql-on-fhir.org/ig/StructureDefinition/ViewDefinition","identifier":{"value":"x"},"resourceDefinition":"http://hl7.org/fhir/StructureDefinition/Patient",`,
		"3.0.0":           `"resourceType":"ViewDefinition","identifier":[{"value":"x"}],"fhirVersion":["4.0"],"profile":["http://example.org"],`,
		"metadata": `"resourceType":"ViewDefinition","meta":{"profile":[]},"text":{"status":"empty"},"extension":[{"url":"x"}],"_status":{"id":"s"},
			"versionAlgorithmString":"semver","experimental":true,"date":"2026","publisher":"p","contact":[],"useContext":[],"jurisdiction":[],"purpose":"p",
			"copyright":"c","copyrightLabel":"l","approvalDate":"2026-01-01","lastReviewDate":"2026-01-01","effectivePeriod":{},"topic":[],"author":[],"editor":[],
			"reviewer":[],"endorser":[],"relatedArtifact":[],"contained":[],"implicitRules":"r","language":"en","constant":[],"where":[],`,
	} {
		v := parse(t, `{`+properties+`"id":"v","url":"http://example.org/v","version":"1","name":"patients","title":"T","description":"D","status":"active","resource":"Patient",`+idSelect+`}`)
		require.Equal(t, "Patient", v.Resource, name)
		require.Equal(t, []string{"v", "http://example.org/v", "1", "patients", "T", "D"}, []string{v.ID, v.URL, v.Version, v.Name, v.Title, v.Description})
		require.Equal(t, []view.Column{{Name: "id", Type: "id", SQL: view.SQLType{Kind: view.CharacterVarying}}}, v.Columns)
	}
}

func TestCanonical(t *testing.T) {
	t.Parallel()
	for want, properties := range map[string]string{
		"":                     `"version":"1",`,
		"http://example.org":   `"url":"http://example.org",`,
		"http://example.org|1": `"url":"http://example.org","version":"1",`,
	} {
		require.Equal(t, want, parse(t, `{`+properties+`"resource":"Patient",`+idSelect+`}`).Canonical())
	}
}

// TestColumnOrder: own columns, those of nested selects, those of the union (viewdef-17),
// wherever they are in the JSON.
func TestColumnOrder(t *testing.T) {
	t.Parallel()
	column := func(name string) string { return `"column":[{"name":"` + name + `","path":"id"}]` }
	v := parse(t, patients(`{
		"unionAll":[{"select":[{`+column("f")+`}],`+column("e")+`},{`+column("e")+`,"unionAll":[{`+column("f")+`}]}],
		"select":[{"select":[{`+column("c")+`}],`+column("b")+`},{`+column("d")+`}],`+column("a")+`},
		{"select":[{"unionAll":[{`+column("g")+`}]},{`+column("h")+`}]}`))
	var names []string
	for _, c := range v.Columns {
		names = append(names, c.Name)
	}
	require.Equal(t, "a b c d e f g h", strings.Join(names, " "))
	rows, err := rowsOf(v, []byte(`{"resourceType":"Patient","id":"1"}`))
	require.NoError(t, err)
	require.Len(t, rows, 2)
	for _, name := range names {
		require.Equal(t, "1", rows[0][name])
		require.Equal(t, "1", rows[1][name])
	}
}

// TestColumnTypes: a type is stated, derived from the path, or string.
func TestColumnTypes(t *testing.T) {
	t.Parallel()
	text, complexType := view.SQLType{Kind: view.CharacterVarying}, view.SQLType{Kind: view.Complex}
	for column, want := range map[string]view.Column{
		`"path":"gender"`:                                {Type: "code", SQL: text},
		`"path":"gender","type":"string"`:                {Type: "string", SQL: text},
		`"path":"birthDate","type":"dateTime"`:           {Type: "dateTime", SQL: text},
		`"path":"birthDate","type":"string"`:             {Type: "string", SQL: text},
		`"path":"birthDate"`:                             {Type: "date", SQL: text},
		`"path":"active"`:                                {Type: "boolean", SQL: view.SQLType{Kind: view.Boolean}},
		`"path":"active.exists()"`:                       {Type: "boolean", SQL: view.SQLType{Kind: view.Boolean}},
		`"path":"gender = 'male'"`:                       {Type: "boolean", SQL: view.SQLType{Kind: view.Boolean}},
		`"path":"%rowIndex"`:                             {Type: "integer", SQL: view.SQLType{Kind: view.Integer}},
		`"path":"getResourceKey()"`:                      {Type: "string", SQL: text},
		`"path":"name.given.join(' ')"`:                  {Type: "string", SQL: text},
		`"path":"'x'"`:                                   {Type: "string", SQL: text},
		`"path":"1.5"`:                                   {Type: "decimal", SQL: text},
		`"path":"meta.lastUpdated"`:                      {Type: "instant", SQL: view.SQLType{Kind: view.TimestampWithZone}},
		`"path":"photo.data","collection":true`:          {Type: "base64Binary", Collection: true, SQL: view.SQLType{Kind: view.BinaryVarying}},
		`"path":"name","collection":true`:                {Type: "HumanName", Collection: true, SQL: complexType},
		`"path":"name.first()","description":"x"`:        {Type: "HumanName", Description: "x", SQL: complexType},
		`"path":"gender","collection":false`:             {Type: "code", SQL: text},
		`"path":"contact.first()"`:                       {Type: "Patient.contact", SQL: complexType},
		`"path":"contact","type":"Patient.contact"`:      {Type: "Patient.contact", SQL: complexType},
		`"path":"contact","type":"BackboneElement"`:      {Type: "BackboneElement", SQL: complexType},
		`"path":"deceased"`:                              {Type: "string", Untyped: true, SQL: text},
		`"path":"deceased.ofType(boolean)"`:              {Type: "boolean", SQL: view.SQLType{Kind: view.Boolean}},
		`"path":"deceased","type":"dateTime"`:            {Type: "dateTime", SQL: text},
		`"path":"{}"`:                                    {Type: "string", Untyped: true, SQL: text},
		`"path":"extension('x').value"`:                  {Type: "string", Untyped: true, SQL: text},
		`"path":"extension('x').value","type":"decimal"`: {Type: "decimal", SQL: text},
		`"path":"multipleBirth.ofType(integer)"`:         {Type: "integer", SQL: view.SQLType{Kind: view.Integer}},
		`"path":"{}","type":"http://hl7.org/fhir/StructureDefinition/integer64"`:                              {Type: "integer64", SQL: view.SQLType{Kind: view.BigInt}},
		`"path":"multipleBirth.ofType(integer)","tag":[{"name":"ansi/type","value":"NUMERIC(9, 2)"}]`:         {Type: "integer", SQL: view.SQLType{Kind: view.Decimal, Precision: 9, Scale: 2}},
		`"path":"extension('x').value","tags":[{"name":"a","value":"b"},{"name":"ansi/type","value":"DATE"}]`: {Type: "string", Untyped: true, SQL: view.SQLType{Kind: view.Date}},
	} {
		want.Name = "a"
		require.Equal(t, []view.Column{want}, parse(t, columns(`{"name":"a",`+column+`}`)).Columns, column)
	}
}

// TestUnionTypes: the type of a column of a union is one for the values of all branches.
func TestUnionTypes(t *testing.T) {
	t.Parallel()
	for _, test := range []struct{ first, second, want string }{
		{`"path":"id","type":"id"`, `"path":"id","type":"id"`, "id"},
		{`"path":"id","type":"id"`, `"path":"gender"`, "string"},
		{`"path":"birthDate"`, `"path":"meta.lastUpdated"`, "dateTime"},
		{`"path":"1"`, `"path":"1.5"`, "decimal"},
		{`"path":"%rowIndex"`, `"path":"{}","type":"integer64"`, "integer64"},
		{`"path":"{}","type":"positiveInt"`, `"path":"1"`, "integer"},
		{`"path":"{}"`, `"path":"active"`, "boolean"},
		{`"path":"active"`, `"path":"{}"`, "boolean"},
		{`"path":"contact"`, `"path":"{}","type":"BackboneElement"`, "BackboneElement"},
		{`"path":"{}","type":"BackboneElement"`, `"path":"contact"`, "BackboneElement"},
	} {
		v := parse(t, union(`{"column":[{"name":"a",`+test.first+`}]}`, `{"column":[{"name":"a",`+test.second+`}]}`))
		require.Equal(t, test.want, v.Columns[0].Type, "%+v", test)
		require.False(t, v.Columns[0].Untyped)
	}
}

// TestUnionSQLTypes: a column of a union has the SQL type that any of its branches states.
func TestUnionSQLTypes(t *testing.T) {
	t.Parallel()
	const tagged, plain = `"path":"1.5","tag":[{"name":"ansi/type","value":"REAL"}]`, `"path":"1"`
	for _, test := range [][3]string{{tagged, plain, plain}, {plain, tagged, plain}, {plain, plain, tagged}, {tagged, tagged, tagged}} {
		v := parse(t, union(`{"column":[{"name":"a",`+test[0]+`}]}`, `{"column":[{"name":"a",`+test[1]+`}]}`, `{"column":[{"name":"a",`+test[2]+`}]}`))
		require.Equal(t, []view.Column{{Name: "a", Type: "decimal", SQL: view.SQLType{Kind: view.Real}}}, v.Columns)
	}
}

// TestRepeatTypes: the elements found at any depth have types.
func TestRepeatTypes(t *testing.T) {
	t.Parallel()
	for _, paths := range []string{`"item","answer.item"`, `"answer.item","item"`} {
		v := parse(t, `{"resource":"QuestionnaireResponse","select":[{"repeat":[`+paths+`],"column":[{"name":"a","path":"linkId"},{"name":"b","path":"answer.value.ofType(decimal)"}]}]}`)
		require.Equal(t, "string", v.Columns[0].Type)
		require.False(t, v.Columns[0].Untyped)
		require.Equal(t, "decimal", v.Columns[1].Type)
	}
	// A contained resource has any type.
	v := parse(t, `{"resource":"QuestionnaireResponse","select":[{"repeat":["item","contained"],"column":[{"name":"a","path":"birthDate"},{"name":"b","path":"linkId"}]}]}`)
	require.True(t, v.Columns[0].Untyped)
}

func TestSQLTypes(t *testing.T) {
	t.Parallel()
	tagged := func(typ, sql string) string {
		return columns(fmt.Sprintf(`{"name":"a","path":"{}","type":%q,"tag":[{"name":"ansi/type","value":%q}]}`, typ, sql))
	}
	for _, test := range []struct {
		typ, sql string
		want     view.SQLType
	}{
		{"boolean", "boolean", view.SQLType{Kind: view.Boolean}},
		{"integer", "SMALLINT", view.SQLType{Kind: view.SmallInt}},
		{"integer", "INT", view.SQLType{Kind: view.Integer}},
		{"positiveInt", "INTEGER", view.SQLType{Kind: view.Integer}},
		{"decimal", "BIGINT", view.SQLType{Kind: view.BigInt}},
		{"decimal", "DECIMAL(18,6)", view.SQLType{Kind: view.Decimal, Precision: 18, Scale: 6}},
		{"decimal", "dec ( 38 )", view.SQLType{Kind: view.Decimal, Precision: 38}},
		{"decimal", "NUMERIC(1,1)", view.SQLType{Kind: view.Decimal, Precision: 1, Scale: 1}},
		{"decimal", "REAL", view.SQLType{Kind: view.Real}},
		{"decimal", "FLOAT(24)", view.SQLType{Kind: view.Real}},
		{"decimal", "FLOAT(53)", view.SQLType{Kind: view.DoublePrecision}},
		{"decimal", "FLOAT", view.SQLType{Kind: view.DoublePrecision}},
		{"decimal", "double  precision", view.SQLType{Kind: view.DoublePrecision}},
		{"decimal", "VARCHAR(20)", view.SQLType{Kind: view.CharacterVarying, Length: 20}},
		{"string", "CHARACTER VARYING (20)", view.SQLType{Kind: view.CharacterVarying, Length: 20}},
		{"code", "CHAR(3)", view.SQLType{Kind: view.CharacterVarying, Length: 3}},
		{"markdown", "CHARACTER LARGE OBJECT", view.SQLType{Kind: view.CharacterVarying}},
		{"base64Binary", "BINARY VARYING", view.SQLType{Kind: view.BinaryVarying}},
		{"base64Binary", "BLOB", view.SQLType{Kind: view.BinaryVarying}},
		{"date", "DATE", view.SQLType{Kind: view.Date}},
		{"dateTime", "DATE", view.SQLType{Kind: view.Date}},
		{"dateTime", "TIMESTAMP", view.SQLType{Kind: view.Timestamp}},
		{"dateTime", "TIMESTAMP(3) WITHOUT TIME ZONE", view.SQLType{Kind: view.Timestamp}},
		{"instant", "TIMESTAMP(6) WITH TIME ZONE", view.SQLType{Kind: view.TimestampWithZone}},
		{"time", "TIME", view.SQLType{Kind: view.Time}},
	} {
		require.Equal(t, test.want, parse(t, tagged(test.typ, test.sql)).Columns[0].SQL, "%+v", test)
	}
	for _, test := range []struct{ typ, sql, want string }{
		{"decimal", "DECIMAL", "DECIMAL requires a precision and a scale, for example DECIMAL(18,6)"},
		{"decimal", "NUMERIC(0)", "the precision of NUMERIC must be between 1 and 38, got 0"},
		{"decimal", "NUMERIC(39,1)", "the precision of NUMERIC must be between 1 and 38, got 39"},
		{"decimal", "NUMERIC(3,4)", "the scale of NUMERIC must be between 0 and its precision 3, got 4"},
		{"decimal", "NUMERIC(3,-4)", `unknown SQL type "NUMERIC(3,-4)"`},
		{"decimal", "NUMERIC(99999999999)", "99999999999 is out of range"},
		{"decimal", "FLOAT(54)", "FLOAT(54) is not supported"},
		{"string", "VARCHAR(0)", "the length of VARCHAR must be at least 1"},
		{"string", "VARCHAR(1,2)", "VARCHAR has at most one parameter"},
		{"string", "VARCHAR()", `unknown SQL type "VARCHAR()"`},
		{"string", "VARCHAR(1", `unknown SQL type "VARCHAR(1"`},
		{"integer", "SMALL INT", `unknown SQL type "SMALL INT"`},
		{"string", "UUID", `unknown SQL type "UUID"`},
		{"string", "TIME ZONE", `unknown SQL type "TIME ZONE"`},
		{"integer", "INTEGER(3)", "INTEGER(3) is not supported"},
		{"instant", "TIMESTAMP(9) WITH TIME ZONE", "the precision of TIMESTAMP must be between 0 and 6, got 9"},
		{"boolean", "INTEGER", "values of type boolean cannot be stored as INTEGER"},
		{"string", "INTEGER", "values of type string cannot be stored as INTEGER"},
		{"integer", "BOOLEAN", "values of type integer cannot be stored as BOOLEAN"},
		{"date", "TIMESTAMP", "values of type date cannot be stored as TIMESTAMP"},
		{"instant", "TIMESTAMP", "values of type instant cannot be stored as TIMESTAMP"},
		{"instant", "DATE", "values of type instant cannot be stored as DATE"},
		{"time", "TIMESTAMP", "values of type time cannot be stored as TIMESTAMP"},
		{"Quantity", "CHARACTER VARYING", "values of type Quantity cannot be stored as CHARACTER VARYING"},
	} {
		require.Equal(t, []string{"select[0].column[0].tag[0].value: " + test.want}, findingsOf(t, tagged(test.typ, test.sql)), "%+v", test)
	}
}

// TestElements: the root elements that a view reads are known.
func TestElements(t *testing.T) {
	t.Parallel()
	for document, want := range map[string][]string{
		columns(`{"name":"a","path":"id"}`):                                                                                                                     {"id"},
		columns(`{"name":"a","path":"'x'"}`):                                                                                                                    {},
		columns(`{"name":"a","path":"getResourceKey()"},{"name":"b","path":"meta.lastUpdated"}`):                                                                {"id", "meta"},
		columns(`{"name":"a","path":"name.family.first()"},{"name":"b","path":"gender = 'x'"}`):                                                                 {"gender", "name"},
		columns(`{"name":"a","path":"deceased.ofType(boolean)"}`):                                                                                               {"deceased"},
		`{"resource":"Patient","where":[{"path":"active and address.exists()"}],` + idSelect + `}`:                                                              {"active", "address", "id"},
		patients(`{"forEach":"contact","column":[{"name":"a","path":"gender"}],"select":[{"forEachOrNull":"telecom","column":[{"name":"b","path":"value"}]}]}`): {"contact"},
		patients(`{"select":[{"column":[{"name":"a","path":"gender"}]},{"unionAll":[{"column":[{"name":"b","path":"birthDate"}]},{"forEach":"photo","column":[{"name":"b","path":"creation"}]}]}]}`): {"birthDate", "gender", "photo"},
		patients(`{"repeat":["link","contact"],"column":[{"name":"a","path":"id"}]}`):                                                                                                                {"contact", "link"},
		patients(`{"column":[{"name":"a","path":"extension('x').exists()"}]}`):                                                                                                                       {"extension"},
		patients(`{"forEach":"$this","column":[{"name":"a","path":"id"}]}`):                                                                                                                          nil,
		patients(`{"forEach":"Patient.where(active)","column":[{"name":"a","path":"id"}]}`):                                                                                                          nil,
		patients(`{"column":[{"name":"a","path":"$this"}]}`):                                                                                                                                         nil,
	} {
		require.Equal(t, want, parse(t, document).Elements(), document)
	}
}
