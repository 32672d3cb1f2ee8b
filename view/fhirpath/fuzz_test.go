package fhirpath_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
	"github.com/seed-90096f4d/sluice/jsonscan"
	"github.com/seed-90096f4d/sluice/view/fhirpath"
)

// FuzzEvaluate: no expression and no bytes cause a panic or a value beyond the end of the
// resource. An evaluation
// can be repeated.
func FuzzEvaluate(f *testing.F) {
	small := compact(f, patient)
	for _, expression := range append([]string{
		`name.where(use = 'official' and $index < 2).given.first()`, `name.given.join(',')`, `birthDate.extension('x').value.ofType(dateTime)`,
		`contained.value.unit`, `name[1 - 1].period.lowBoundary(8)`, `telecom.rank.first() * 1.50 / -3`, `extension('a').value = %s`, "`name`.`use`",
		`@2014-01-25T14:30:14.559+10:00 > birthDate`, `@T10:30 = @T10:30:00.0`, `4.5 'mg' = 4 days`, `generalPractitioner.getReferenceKey(Practitioner)`,
		`name = contact.name`, `'\u00e9\n' + %"x"`, `// x`, `a is b | c in d implies e`, `contained.ofType(Patient).getResourceKey()`,
	}, columns...) {
		f.Add(expression, small)
	}
	for _, resource := range []string{
		``, `{`, `[]`, `{"name":`, `{"name":[{"use":"x"`, `{"name":[[{}],null,1]}`, `{"_name":[null,{}],"name":"x"}`, `{"birthDate":null,"_birthDate":{"extension":[{"url":"x"}]}}`,
		`{"telecom":[{"rank":1e999999999999},{"rank":-0}]}`, `{"name":[{"family":"\ud800\u12","given":["a\\"]}]}`, `{"id":"\"}`, `{"contained":[{"resourceType":"Patient"},{}]}`,
	} {
		f.Add(`name.family.join() + id`, []byte(resource))
		f.Add(`telecom.rank.first() + 1`, []byte(resource))
		f.Add(`contained.id`, []byte(resource))
		f.Add(`birthDate.lowBoundary()`, []byte(resource))
	}
	e := fhirpath.NewEvaluator(fhir.R4())
	f.Fuzz(func(t *testing.T, expression string, resource []byte) {
		scope := patientScope()
		x, err := fhirpath.Compile(expression, scope)
		if err != nil {
			var mistake *fhirpath.Error
			require.ErrorAs(t, err, &mistake)
			require.NotEmpty(t, mistake.Text)
			require.GreaterOrEqual(t, mistake.Offset, 0)
			require.LessOrEqual(t, mistake.Offset, len(expression))
			return
		}
		x.Type()
		x.Elements()
		resource = slices.Clip(resource)
		first := results(t, e, x, resource)
		require.Equal(t, first, results(t, e, x, resource))
		if names, all := x.Elements(); !all && json.Valid(resource) && jsonscan.At(resource, 0) == '{' {
			require.Equal(t, first, results(t, e, x, only(t, resource, names)), "%s of %s", names, resource)
		}
	})
}

// only returns a resource with the first of the members that hold these elements.
func only(t *testing.T, resource []byte, names []string) []byte {
	t.Helper()
	kept := []byte{'{'}
	for i := 1; jsonscan.At(resource, i) == '"'; i++ {
		m, _ := jsonscan.NextMember(resource, i)
		end := jsonscan.ValueEnd(resource, m.Value)
		key := strings.TrimPrefix(string(m.Name(resource)), "_")
		if slices.ContainsFunc(names, func(name string) bool { return strings.HasPrefix(key, name) }) {
			if len(kept) > 1 {
				kept = append(kept, ',')
			}
			kept = append(kept, resource[i:end]...)
		}
		if i = end; jsonscan.At(resource, i) != ',' {
			break
		}
	}
	return append(kept, '}')
}

func results(t *testing.T, e *fhirpath.Evaluator, x *fhirpath.Expression, resource []byte) (texts []string) {
	t.Helper()
	e.Reset("Patient", indexed(resource))
	items, err := e.Append(nil, x, e.Root(), 1)
	if err != nil {
		var data *fhirpath.DataError
		require.ErrorAs(t, err, &data)
		return []string{data.Reason}
	}
	for _, v := range items {
		texts = append(texts, string(v.Type())+" "+string(e.Text(v)))
	}
	return texts
}
