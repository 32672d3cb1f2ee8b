package fhir_test

import (
	"os"
	"strings"
	"testing"

	"github.com/stretchr/testify/require"

	"github.com/seed-90096f4d/sluice/fhir"
)

// golden is a block of testdata/golden.txt.
type golden struct {
	title, aidbox, fhir, back string
	issues                    []string
}

// goldens parses testdata/golden.txt, whose header describes the format.
func goldens(tb testing.TB) []golden {
	tb.Helper()

	text, err := os.ReadFile("testdata/golden.txt")
	require.NoError(tb, err)

	var all []golden
	for block := range strings.SplitSeq(strings.TrimSpace(string(text)), "\n\n") {
		lines := strings.Split(block, "\n")
		if lines[0][0] == '#' {
			continue
		}
		g := golden{title: lines[0]}
		for _, line := range lines[1:] {
			kind, value, _ := strings.Cut(line, " ")
			value = strings.TrimSpace(value)
			switch kind {
			case "aidbox":
				g.aidbox = value
			case "fhir":
				g.fhir = value
			case "back":
				g.back = value
			case "issue":
				g.issues = append(g.issues, value)
			default:
				tb.Fatalf("%s: what is %q?", g.title, kind)
			}
		}
		all = append(all, g)
	}
	return all
}

func TestGolden(t *testing.T) {
	t.Parallel()

	for _, g := range goldens(t) {
		t.Run(g.title, func(t *testing.T) {
			t.Parallel()

			var issues []string
			c := fhir.NewConverter(fhir.R4(), fhir.Options{Issue: func(issue fhir.Issue) {
				issues = append(issues, issue.Path+": "+issue.Reason)
			}})
			require.Equal(t, g.fhir, string(c.AppendFHIR(nil, []byte(g.aidbox))))
			require.Equal(t, g.issues, issues)

			require.Equal(t, g.fhir, string(c.AppendFHIR(nil, []byte(g.fhir))), "converted twice")

			back, err := c.AppendAidbox(nil, []byte(g.fhir))
			require.NoError(t, err)
			if g.back != "" {
				require.JSONEq(t, g.back, string(back))
			} else {
				require.JSONEq(t, g.aidbox, string(back))
			}
			require.JSONEq(t, g.fhir, string(c.AppendFHIR(nil, back)), "there and back")
		})
	}
}

// TestEscapes converts references and URLs with escapes that JSON does not require, as
// some encoders write them.
func TestEscapes(t *testing.T) {
	t.Parallel()

	c := fhir.NewConverter(fhir.R4(), fhir.Options{Style: fhir.Style{CreatedAtURL: `http://example.org/"é`}})
	for doc, want := range map[string]string{
		`{"reference":"Patient\/1"}`:                      `{"id":"1","resourceType":"Patient"}`,
		`{"reference":"\u0050atient/\u00e9\ud83d\ude00"}`: `{"id":"é😀","resourceType":"Patient"}`,
		`{"reference":"http:\/\/x\/\u0022\n\u0001"}`:      `{"uri":"http://x/\"\n\u0001"}`,
		`{"reference":"Patient\/\ud800"}`:                 `{"uri":"Patient\/\ud800"}`,
	} {
		got, err := c.AppendAidbox(nil, []byte(`{"subject":`+doc+`,"resourceType":"Observation"}`))
		require.NoError(t, err)
		require.Equal(t, `{"subject":`+want+`,"resourceType":"Observation"}`, string(got))
	}

	fhirDoc := `{"meta":{"extension":[{"url":"http://example.org/\"é","valueInstant":"2020"}]},"resourceType":"Patient"}`
	aidbox := `{"meta":{"createdAt":"2020"},"resourceType":"Patient"}`
	require.Equal(t, fhirDoc, string(c.AppendFHIR(nil, []byte(aidbox))))
	for _, doc := range []string{fhirDoc, strings.NewReplacer("/", `\/`, "é", `\u00e9`).Replace(fhirDoc)} {
		got, err := c.AppendAidbox(nil, []byte(doc))
		require.NoError(t, err)
		require.Equal(t, aidbox, string(got))
	}
}

// TestRepeatedKeys converts duplicate keys, which jsonb never prints but a file may
// contain.
func TestRepeatedKeys(t *testing.T) {
	t.Parallel()

	c := fhir.NewConverter(fhir.R4(), fhir.Options{})
	for doc, want := range map[string]string{
		`{"resourceType":"Observation","subject":{"reference":"A/1","reference":"A/2"}}`: `{"resourceType":"Observation","subject":{"reference":"A/1","reference":"A/2"}}`,
		`{"resourceType":"Observation","valueString":"a","valueInteger":1}`:              `{"resourceType":"Observation","value":{"string":"a"},"valueInteger":1}`,
		`{"resourceType":"Observation","valueString":"a","value":1}`:                     `{"resourceType":"Observation","valueString":"a","value":1}`,
	} {
		got, err := c.AppendAidbox(nil, []byte(doc))
		require.NoError(t, err)
		require.Equal(t, want, string(got))
	}
}
