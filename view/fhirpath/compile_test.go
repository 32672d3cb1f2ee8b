package fhirpath_test

import (
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// TestMistakes: each is found before there is a resource.
func TestMistakes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		expression string
		offset     int
		text       string
	}{
		// syntax
		{``, 0, `unexpected end of expression, expected an element, a function or a value`},
		{`@@`, 0, `invalid date or time "@": the form is @2014-01-25, @2014-01-25T14:30:14.559Z or @T14:30`},
		{`id = @2014-02-30`, 5, `invalid date or time "@2014-02-30": the form is @2014-01-25, @2014-01-25T14:30:14.559Z or @T14:30`},
		{`name.`, 5, `unexpected end of expression, expected an element, a function or a value`},
		{`name use`, 5, `unexpected "use", expected an operator`},
		{`name.where(use = 'x'`, 20, `unexpected end of expression, expected ","`},
		{`(id`, 3, `unexpected end of expression, expected ")"`},
		{`name[0`, 6, `unexpected end of expression, expected "]"`},
		{`{id}`, 1, `unexpected "id", expected "}"`},
		{`'abc`, 0, `missing closing '`}, {"`abc", 0, "missing closing `"}, {`'abc\`, 0, `missing closing '`},
		{`'\u12'`, 1, `invalid escape sequence: \u must be followed by 4 hexadecimal digits`},
		{`'\ud800x'`, 1, `invalid escape sequence: half of a surrogate pair`},
		{`id /* x`, 3, `the comment is not closed`},
		{`id ? 1`, 3, `unexpected character '?'`}, {`id = é`, 5, `unexpected character 'é'`},
		{`1 + 9223372036854775808`, 4, `the integer 9223372036854775808 has more than 64 bits, write it with a decimal point`},
		{`5L`, 1, `unexpected "L", expected an operator`},
		{`% x`, 0, `unknown constant %x`}, {`%`, 1, `unexpected end of expression, expected the name of a constant after %`},
		{`and`, 0, `unexpected "and", expected an element, a function or a value`},
		{`name.true`, 5, `unexpected "true", expected an element, a function or a value`},
		{`1 = = 2`, 4, `unexpected "=", expected an element, a function or a value`},
		{"id = '\xff'", 0, `the expression is not valid UTF-8`},
		{strings.Repeat("x", 20000), 0, `the expression has 20000 bytes, at most 16384 are allowed`},
		{strings.Repeat("(", 2000) + "1" + strings.Repeat(")", 2000), 100, `the expression is nested more than 100 levels deep`},
		{strings.Repeat("-", 2000) + "1", 99, `the expression is nested more than 100 levels deep`},
		// unsupported
		{`1 + 2 & 'x'`, 6, `operator "&" is not supported`}, {`5 div 2`, 2, `operator "div" is not supported`}, {`5 mod 2`, 2, `operator "mod" is not supported`},
		{`name | contact`, 5, `operator "|" is not supported`}, {`id ~ 'x'`, 3, `operator "~" is not supported`}, {`id !~ 'x'`, 3, `operator "!~" is not supported`},
		{`'x' in name.use`, 4, `operator "in" is not supported`}, {`name.use contains 'x'`, 9, `operator "contains" is not supported`},
		{`active xor true`, 7, `operator "xor" is not supported`}, {`active implies true`, 7, `operator "implies" is not supported`},
		{`deceased is boolean`, 9, `operator "is" is not supported, use ofType()`}, {`deceased as boolean`, 9, `operator "as" is not supported, use ofType()`},
		{`+5`, 0, `operator "+" before a value is not supported`},
		{`name.select(use)`, 5, `function select() is not supported`}, {`name.count() > 1`, 5, `function count() is not supported`}, {`iif(active, 1, 2)`, 0, `function iif() is not supported`},
		{`$total`, 0, `$total is not supported`}, {`$index`, 0, `$index is defined in the arguments of where() and exists() only`},
		// names
		{`nam`, 0, `unknown element "nam" of Patient`}, {`name.famly`, 5, `unknown element "famly" of HumanName`}, {`Patien.name`, 0, `unknown element or type "Patien" of Patient`},
		{`resourceType`, 0, `unknown element "resourceType" of Patient`},
		{`deceasedBoolean`, 0, `unknown element "deceasedBoolean" of Patient, use deceased.ofType(boolean)`},
		{`extension.valueQuantity.value`, 10, `unknown element "valueQuantity" of Extension, use value.ofType(Quantity)`},
		{`birthDate.value`, 10, `unknown element "value" of date`}, {`birthDate.year`, 10, `unknown element "year" of date`}, {`'x'.length`, 4, `unknown element "length" of System.String`},
		{`contained.nosuchelement`, 10, `unknown element "nosuchelement"`},
		{`deceased.low`, 9, `unknown element "low" of boolean|dateTime`},
		{`%nope`, 0, `unknown constant %nope`}, {`name.where(use = %nope)`, 17, `unknown constant %nope`}, {`%resource`, 0, `unknown constant %resource`},
		{`%badDate`, 0, `constant %badDate has no valid value of type dateTime`}, {`%badTime`, 0, `constant %badTime has no valid value of type time`}, {`%badBoolean`, 0, `constant %badBoolean has no valid value of type boolean`},
		{`%badDecimal`, 0, `constant %badDecimal has no valid value of type decimal`}, {`%badType`, 0, `constant %badType has no valid value of type HumanName`},
		{`@2014-01-01T10:00:00+15:00`, 0, `invalid date or time "@2014-01-01T10:00:00+15:00": the form is @2014-01-25, @2014-01-25T14:30:14.559Z or @T14:30`},
		{`%bad`, 0, `constant %bad has no valid value of type integer`},
		{`deceased.ofType(Bool)`, 16, `unknown type "Bool"`}, {`deceased.ofType(FHIR.Boolean)`, 21, `unknown type "FHIR.Boolean"`}, {`deceased.ofType('boolean')`, 16, `the argument must be the name of a type, got "boolean"`},
		{`deceased.ofType(a.b.c)`, 20, `the argument must be the name of a type such as Quantity or FHIR.Quantity`},
		// arguments
		{`name.where()`, 5, `function where() has 0 arguments, it takes 1`}, {`name.first(1)`, 5, `function first() has 1 arguments, it takes none`}, {`name.exists(1, 2)`, 5, `function exists() has 2 arguments, it takes at most 1`},
		{`name['x']`, 4, `the index must be an Integer, got System.String`},
		{`extension(1)`, 10, `the argument of extension() must be a String, got System.Integer`}, {`name.given.join(1)`, 16, `the argument of join() must be a String, got System.Integer`},
		{`birthDate.lowBoundary('x')`, 22, `the argument of lowBoundary() must be an Integer, got System.String`},
		{`name.join()`, 5, `join() needs strings, got HumanName`},
		{`name.lowBoundary()`, 5, `lowBoundary() needs a decimal, date, dateTime, time or Period, got HumanName`},
		{`name.getResourceKey()`, 5, `getResourceKey() is for the resource only, got HumanName`}, {`name.getReferenceKey()`, 5, `getReferenceKey() needs a Reference, got HumanName`},
		{`managingOrganization.getReferenceKey('Patient')`, 37, `the argument must be the name of a type, got "Patient"`}, {`managingOrganization.getReferenceKey(Patien)`, 37, `unknown type "Patien"`},
		{`managingOrganization.getReferenceKey(HumanName)`, 37, `the argument of getReferenceKey() must be a resource type, got HumanName`},
		// operators
		{`birthDate > '1970'`, 10, `operator > cannot compare date with System.String`}, {`active < true`, 7, `operator < cannot compare boolean with System.Boolean`}, {`name < name`, 5, `operator < cannot compare HumanName with HumanName`},
		{`'a' + 1`, 4, `operator + cannot combine System.String with System.Integer`}, {`'a' - 'b'`, 4, `operator - cannot combine System.String with System.String`}, {`birthDate + 1 day`, 10, `operator + cannot combine date with System.Quantity`},
		{`-'a'`, 0, `operator - needs a number, got System.String`}, {`-name`, 0, `operator - needs a number, got HumanName`},
	} {
		_, err := fhirpath.Compile(c.expression, patientScope())
		var mistake *fhirpath.Error
		require.ErrorAs(t, err, &mistake, "%.100s", c.expression)
		require.Equal(t, fhirpath.Error{Offset: c.offset, Text: c.text}, *mistake, "%.100s", c.expression)
	}
}

// TestTypes: what is known of the results without a resource.
func TestTypes(t *testing.T) {
	t.Parallel()
	for _, c := range []struct{ expression, types string }{
		{`id`, `id`}, {`name`, `HumanName`}, {`name.given`, `string`}, {`name[0].family`, `string`}, {`name.first().given`, `string`},
		{`name.where(use = 'x').first().family`, `string`}, {`name.where(use = 'x').use`, `code`}, {`$this`, `Patient`},
		{`deceased`, `boolean dateTime`}, {`deceased.ofType(boolean)`, `boolean`}, {`deceased.ofType(string)`, `string`},
		{`contact`, `Patient.contact`}, {`contact.telecom`, `ContactPoint`}, {`contained`, ``}, {`contained.ofType(Observation).status`, `code`},
		{`extension('x')`, `Extension`}, {`extension('x').first().value.ofType(code)`, `code`}, {`birthDate.extension`, `Extension`}, {`birthDate.id`, `string`},
		{`name.exists()`, `System.Boolean`}, {`name.empty()`, `System.Boolean`}, {`active.not()`, `System.Boolean`}, {`id = 'x'`, `System.Boolean`}, {`active and true`, `System.Boolean`}, {`1 < 2`, `System.Boolean`},
		{`1 + 2`, `System.Integer`}, {`2147483647`, `System.Integer`}, {`2147483648`, `integer64`}, {`1 + 2.0`, `System.Decimal`}, {`1 / 2`, `System.Decimal`}, {`'a' + 'b'`, `System.String`}, {`%big + 1`, `integer64`}, {`-1`, `System.Integer`}, {`-multipleBirth`, `System.Integer`},
		{`%rowIndex`, `System.Integer`}, {`%s`, `string`}, {`@2014`, `System.Date`}, {`@2014T`, `System.DateTime`}, {`@T10`, `System.Time`}, {`1 'mg'`, `System.Quantity`}, {`{}`, ``},
		{`name.given.join(',')`, `System.String`}, {`getResourceKey()`, `System.String`}, {`generalPractitioner.getReferenceKey()`, `System.String`}, {`managingOrganization.getReferenceKey(Organization)`, `System.String`},
		{`birthDate.lowBoundary()`, `date`}, {`deceased.highBoundary()`, `dateTime`}, {`name.period.first().lowBoundary()`, `dateTime`}, {`1.lowBoundary()`, `System.Decimal`}, {`name.where($index = 0)`, `HumanName`},
		{`Observation.code`, ``}, {`Patient.name`, `HumanName`},
	} {
		x, err := fhirpath.Compile(c.expression, patientScope())
		require.NoError(t, err, c.expression)
		var types []string
		for _, one := range x.Types() {
			types = append(types, string(one))
		}
		require.Equal(t, c.types, strings.Join(types, " "), c.expression)
		require.Equal(t, c.expression == `%rowIndex`, x.IsRowIndex(), c.expression)
		if len(types) != 1 {
			require.Empty(t, x.Type())
		} else {
			require.Equal(t, types[0], string(x.Type()))
		}
	}
}

// TestElements: the root elements that an expression reads.
func TestElements(t *testing.T) {
	t.Parallel()
	for expression, want := range map[string]string{
		`id`:                                  `id`,
		`name.where(use = 'x').family`:        `name`,
		`Patient.name.exists() and active`:    `name active`,
		`deceased.ofType(boolean)`:            `deceased`,
		`where(birthDate.exists()).exists()`:  `birthDate`,
		`$this.id`:                            `id`,
		`ofType(Patient).gender`:              `gender`,
		`getResourceKey()`:                    `id`,
		`extension('x').value.ofType(string)`: `extension`,
		`'x'`:                                 ``,
		`%rowIndex`:                           ``,
		`exists()`:                            ``,
		`name.where(%s = use)`:                `name`,
		`$this`:                               `all`,
		`where(active)`:                       `active all`,
		`first()`:                             `all`,
		`$this = $this`:                       `all`,
		`$this and true`:                      `all`,
		`contained.name.exists(true)`:         `contained`,
	} {
		x, err := fhirpath.Compile(expression, patientScope())
		require.NoError(t, err, expression)
		names, all := x.Elements()
		if all {
			names = append(names, "all")
		}
		require.Equal(t, want, strings.Join(names, " "), expression)
	}
	scope := patientScope()
	scope.Focus, scope.AtRoot = "Reference", false
	x, err := fhirpath.Compile(`getReferenceKey()`, scope)
	require.NoError(t, err)
	names, all := x.Elements()
	require.Equal(t, []string{"reference"}, names)
	require.False(t, all)
}

// TestFocus: an item below the root can have several types, or any.
func TestFocus(t *testing.T) {
	t.Parallel()
	scope := fhirpath.Scope{Tables: fhir.R4(), Resource: "Questionnaire", Focus: "Questionnaire.item", OtherFoci: []fhirpath.Type{"CodeableConcept"}}
	for expression, want := range map[string]string{
		`text`: `string`, `linkId`: `string`, `coding.code`: `code`, `item.item`: `Questionnaire.item`,
		`family`:           `unknown element "family" of Questionnaire.item|CodeableConcept`,
		`getResourceKey()`: `getResourceKey() is for the resource only, got Questionnaire.item|CodeableConcept`,
	} {
		x, err := fhirpath.Compile(expression, scope)
		if err != nil {
			require.Equal(t, want, err.Error(), expression)
			continue
		}
		require.Equal(t, want, string(x.Type()), expression)
	}
	scope.Focus, scope.OtherFoci = "", nil
	for expression, want := range map[string]string{`text`: ``, `coding.code`: ``, `nosuch`: `unknown element "nosuch"`, `Questionnaire.item.text`: `string`} {
		x, err := fhirpath.Compile(expression, scope)
		if err != nil {
			require.Equal(t, want, err.Error(), expression)
			continue
		}
		require.Equal(t, want, string(x.Type()), expression)
	}
	scope.Focus = "System.String"
	x, err := fhirpath.Compile(`$this + 'x'`, scope)
	require.NoError(t, err)
	require.Equal(t, fhirpath.Type("System.String"), x.Type())
}
