package search_test

import (
	"fmt"
	"testing"

	"github.com/stretchr/testify/require"
)

// TestRules runs the searches that R4's page on search explains.
func TestRules(t *testing.T) {
	t.Parallel()

	s := newStoreOf(t, patients...)
	for query, want := range map[string][]string{
		"": {"ann", "bob", "odd", "zoe"},

		"_id=ann":                   {"ann"},
		"_id=ann,zoe":               {"ann", "zoe"},
		"_id:not=ann,zoe":           {"bob", "odd"},
		"_id:missing=true":          {},
		"_id:missing=false":         {"ann", "bob", "odd", "zoe"},
		"_lastUpdated=gt2020":       {"ann", "bob", "odd", "zoe"},
		"_lastUpdated=lt2020":       {},
		"_lastUpdated:missing=true": {},

		"gender=female":             {"ann", "zoe"},
		"gender=Female":             {},
		"gender=female,male":        {"ann", "bob", "zoe"},
		"gender=female&active=true": {"ann"},
		"gender:not=female":         {"bob", "odd"},
		"gender:missing=true":       {"odd"},
		"gender=|female":            {"ann", "zoe"},
		"gender=http://hl7.org/fhir/administrative-gender|male":            {"bob"},
		"gender:not=http://hl7.org/fhir/administrative-gender|male":        {"ann", "odd", "zoe"},
		"gender=http://hl7.org/fhir/administrative-gender|":                {"ann", "bob", "zoe"},
		"gender=http://example.org/gender|male":                            {},
		"active=http://terminology.hl7.org/CodeSystem/special-values|true": {"ann"},
		"deceased=true":  {"bob", "odd"},
		"deceased=false": {"ann", "zoe"},
		"deceased=http://hl7.org/fhir/special-values|true": {"bob", "odd"},
		"deceased:not=true":             {"ann", "zoe"},
		"deceased=true,false":           {"ann", "bob", "odd", "zoe"},
		"deceased:missing=true":         {"zoe"},
		"active=true":                   {"ann"},
		"active=false":                  {"bob"},
		"active:not=true":               {"bob", "odd", "zoe"},
		"identifier=urn:mrn|7":          {"ann"},
		"identifier=7":                  {"ann", "bob"},
		"identifier=|7":                 {"bob"},
		"identifier=urn:mrn|":           {"ann", "zoe"},
		"identifier=a\\,b\\|c\\$d\\\\e": {"zoe"},
		"identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|7": {"ann"},
		"identifier:of-type=http://terminology.hl7.org/CodeSystem/v2-0203|MR|8": {},
		"_tag=urn:t|x":                  {"bob"},
		"_tag:not=urn:t|x":              {"ann", "odd", "zoe"},
		"_security=R":                   {"bob"},
		"_profile=http://example.org/p": {"bob"},
		"_source=http://example.org/s":  {"bob"},
		"email=ann@example.org":         {"ann"},
		"email=email|ann@example.org":   {"ann"},
		"email=phone|ann@example.org":   {},
		"phone=ann@example.org":         {},
		"telecom=ann@example.org":       {"ann"},

		"name=mull":            {"ann"},
		"name=Müll":            {"ann"},
		"name:exact=Müller":    {"ann"},
		"name:exact=Muller":    {},
		"name:exact=müller":    {},
		"name:contains=LLER":   {"ann"},
		"family=ULLER":         {},
		"given=ann,bo":         {"ann", "bob"},
		"name=иванов":          {"zoe"},
		"name=ИВАНОВ":          {"zoe"},
		"given=a%25":           {},
		"given=_":              {},
		"name=%":               {},
		"identifier=100%":      {"zoe"},
		"identifier=100%25":    {"zoe"},
		"identifier=AB+1":      {"zoe"},
		"identifier=AB%2B1":    {"zoe"},
		"identifier=AB 1":      {"bob"},
		"identifier=AB%201":    {"bob"},
		"identifier=%zz":       {},
		"address=baker street": {"bob"},
		"address-city=lon":     {"bob"},
		"address-city=baker":   {},

		"birthdate=1980":                         {"ann"},
		"birthdate=1980-02":                      {"ann"},
		"birthdate=1980-02-29":                   {"ann"},
		"birthdate=1980-02-28":                   {},
		"birthdate=ne1980":                       {"bob", "zoe"},
		"birthdate=gt1980":                       {"zoe"},
		"birthdate=gt1980-02-29":                 {"zoe"},
		"birthdate=ge1980":                       {"ann", "zoe"},
		"birthdate=lt1980-02-29":                 {"bob"},
		"birthdate=le1980-02-29":                 {"ann", "bob"},
		"birthdate=sa1980-02-28":                 {"ann", "zoe"},
		"birthdate=eb1980-02-29":                 {"bob"},
		"birthdate=eb1980-02":                    {"bob"},
		"birthdate=ap1980-03":                    {"ann"},
		"birthdate=ap1980-05":                    {},
		"birthdate=1975-06":                      {}, // only the year is known
		"birthdate=gt1975-06":                    {"ann", "bob", "zoe"},
		"birthdate:missing=true":                 {},
		"birthdate=ap0001":                       {},
		"birthdate=lt9999-12-31":                 {"ann", "bob", "zoe"},
		"death-date=2020-03-01T10:30:00Z":        {"bob"},
		"death-date=2020-03-01T12:30:00%2B02:00": {"bob"},
		"death-date=2020-03-01T12:30:00+02:00":   {"bob"},
		"death-date=2020-03-01T10:30":            {"bob"},
		"death-date=2020-03-01T10:30:00.000Z":    {"bob"},
		"death-date=gt2020-03-01T10:30:00Z":      {},
		"death-date=ge2020-03-01T10:30:00Z":      {"bob"},

		"general-practitioner=Practitioner/p":                          {"ann"},
		"general-practitioner=p":                                       {"ann", "bob"},
		"general-practitioner:Practitioner=p":                          {"ann"},
		"general-practitioner:Practitioner=Practitioner/p":             {"ann"},
		"general-practitioner=Organization/p":                          {"bob"},
		"general-practitioner=Patient/p":                               {},
		"general-practitioner=https://example.org/fhir/Practitioner/p": {"zoe"},
		"general-practitioner:identifier=urn:npi|1":                    {"zoe"},
		"general-practitioner:identifier=2":                            {},
		"general-practitioner:missing=true":                            {"odd"},
	} {
		require.Equal(t, want, s.search(t, "Patient", query), query)
	}
}

// TestStrings checks the comparison of texts: without case, accents and differences of
// notation.
func TestStrings(t *testing.T) {
	t.Parallel()

	names := []string{"Γιώργος", "Straße", "STRASSE", "ﬁnn", "Işık", "ISIK", "İzmir", "Łódź", "Ægir", "Œuvre", "Ǆ", "Ｊｏｅ", "Ⅳ", "José", "ſam", "Ørsted", "שָׁלוֹם", "مُحَمَّد", "Þór"}
	var lines []string
	for i, name := range names {
		lines = append(lines, fmt.Sprintf(`{"resourceType":"Patient","id":"%02d","name":[{"family":%q}]}`, i, name))
	}
	s := newStoreOf(t, lines...)
	for query, want := range map[string][]string{
		"ΓΙΩΡΓΟΣ": {"Γιώργος"}, "γιωργος": {"Γιώργος"}, "Γιωργοσ": {"Γιώργος"}, "γιώργο": {"Γιώργος"},
		"strasse": {"Straße", "STRASSE"}, "STRAẞE": {"Straße", "STRASSE"}, "straß": {"Straße", "STRASSE"},
		"FINN": {"ﬁnn"}, "ﬁN": {"ﬁnn"}, "isik": {"Işık", "ISIK"}, "IŞIK": {"Işık", "ISIK"}, "ışık": {"Işık", "ISIK"}, "izmir": {"İzmir"},
		"lodz": {"Łódź"}, "aegir": {"Ægir"}, "æGIR": {"Ægir"}, "OEUVRE": {"Œuvre"}, "dž": {"Ǆ"}, "joe": {"Ｊｏｅ"}, "iv": {"Ⅳ"},
		"JOSÉ": {"José"}, "sam": {"ſam"}, "orsted": {"Ørsted"}, "שלום": {"שָׁלוֹם"}, "محمد": {"مُحَمَّد"}, "thor": {"Þór"},
	} {
		var found []string
		for _, id := range s.search(t, "Patient", "family="+query) {
			var i int
			_, err := fmt.Sscanf(id, "%d", &i)
			require.NoError(t, err)
			found = append(found, names[i])
		}
		require.Equal(t, want, found, query)
	}
	require.Empty(t, s.search(t, "Patient", "family:exact=ΓΙΩΡΓΟΣ"))
}

// patients are the resources that TestRules searches. Values of the patient odd that
// are not of the required type are not found, and nothing fails.
var patients = []string{
	`{"resourceType":"Patient","id":"ann","active":true,"deceasedBoolean":false,"gender":"female","birthDate":"1980-02-29",
		"identifier":[{"system":"urn:mrn","value":"7","type":{"coding":[{"system":"http://terminology.hl7.org/CodeSystem/v2-0203","code":"MR"}]}}],
		"name":[{"family":"Müller","given":["Ann","Lee"]}],
		"telecom":[{"system":"phone","value":"555"},{"system":"email","value":"ann@example.org"}],
		"generalPractitioner":[{"reference":"Practitioner/p"}]}`,
	`{"resourceType":"Patient","id":"bob","active":false,"gender":"male","birthDate":"1975",
		"meta":{"tag":[{"system":"urn:t","code":"x"}],"security":[{"code":"R"}],"profile":["http://example.org/p"],"source":"http://example.org/s"},
		"identifier":[{"value":"7"},{"value":"AB 1"}],"name":[{"given":["Bob"]}],"deceasedDateTime":"2020-03-01T11:30:00+01:00",
		"address":[{"line":["Baker Street 1"],"city":"London"}],
		"generalPractitioner":[{"reference":"Organization/p"}]}`,
	`{"resourceType":"Patient","id":"zoe","gender":"female","birthDate":"1990-12",
		"identifier":[{"system":"urn:mrn","value":"8"},{"value":"a,b|c$d\\e"},{"value":"100%"},{"value":"AB+1"}],"name":[{"text":"Иванова Зоя"}],
		"generalPractitioner":[{"reference":"https://example.org/fhir/Practitioner/p","identifier":{"system":"urn:npi","value":"1"}}]}`,
	`{"resourceType":"Patient","id":"odd","active":"true","birthDate":"1980-02-30","name":"Ann","telecom":{"system":"email"},
		"identifier":["7"],"address":[[]],"deceasedDateTime":"2020-03-01T25:00:00Z","generalPractitioner":[]}`,
}

// TestQuantities checks the rules for numbers and quantities.
func TestQuantities(t *testing.T) {
	t.Parallel()

	s := newStoreOf(t, observations...)
	for query, want := range map[string][]string{
		"value-quantity=100":                       {"g100", "g100.4"},
		"value-quantity=100.0":                     {"g100"},
		"value-quantity=1e1":                       {"mg5"}, // from 5
		"value-quantity=0e1":                       {},      // up to 5
		"value-quantity=1e2":                       {"g100", "g100.4"},
		"value-quantity=lt1e400":                   {"g100", "g100.4", "mg5"},
		"value-quantity=gt-1e400":                  {"g100", "g100.4", "mg5"},
		"value-quantity=1e400":                     {},
		"value-quantity=ap1e-400":                  {},
		"value-quantity=gt1e-99999999999999999999": {"g100", "g100.4", "mg5"},
		"value-quantity=lt1e+999999":               {"g100", "g100.4", "mg5"},
		"value-quantity=gt0.00000000000000000000000000000000000000000000000001": {"g100", "g100.4", "mg5"},
		"value-quantity=ne100":                                    {"mg5"},
		"value-quantity=gt100":                                    {"g100.4"},
		"value-quantity=ge100":                                    {"g100", "g100.4"},
		"value-quantity=lt100":                                    {"mg5"},
		"value-quantity=le100":                                    {"g100", "mg5"},
		"value-quantity=ap95":                                     {"g100", "g100.4"},
		"value-quantity=ap90":                                     {},
		"value-quantity=100|http://unitsofmeasure.org|g":          {"g100"},
		"value-quantity=100||g":                                   {"g100", "g100.4"},
		"value-quantity=100|http://unitsofmeasure.org|":           {"g100"},
		"value-quantity=5,100||mg":                                {"mg5"},
		"code-value-quantity=http://loinc.org|1$gt99":             {"g100"},
		"code-value-quantity=http://loinc.org|2$gt99":             {"g100.4"},
		"component-code-value-quantity=sys$120":                   {"bp"},
		"component-code-value-quantity=sys$80":                    {},
		"combo-code-value-quantity=dia$80,http://loinc.org|1$100": {"bp", "g100"},
		"combo-code=sys,2":                                        {"bp", "g100.4"},
		"value-date=2020-05":                                      {},
		"value-date=ge2020-05":                                    {"period"},
		"value-date=gt2030":                                       {"period"},
		"value-date=lt2020":                                       {},
		"date=2021":                                               {"timing"},
		"date=2021-02":                                            {},
		"date=ap2021-02":                                          {"timing"},
	} {
		require.Equal(t, want, s.search(t, "Observation", query), query)
	}
}

var observations = []string{
	`{"resourceType":"Observation","id":"g100","code":{"coding":[{"system":"http://loinc.org","code":"1"}]},
		"valueQuantity":{"value":100,"unit":"gram","system":"http://unitsofmeasure.org","code":"g"}}`,
	`{"resourceType":"Observation","id":"g100.4","code":{"coding":[{"system":"http://loinc.org","code":"2"}]},"valueQuantity":{"value":100.4,"unit":"g"}}`,
	`{"resourceType":"Observation","id":"mg5","valueQuantity":{"value":5.0,"code":"mg"}}`,
	`{"resourceType":"Observation","id":"odd","valueQuantity":{"value":"100","unit":"g"}}`,
	`{"resourceType":"Observation","id":"bp","component":[
		{"code":{"coding":[{"code":"sys"}]},"valueQuantity":{"value":120}},
		{"code":{"coding":[{"code":"dia"}]},"valueQuantity":{"value":80}}]}`,
	`{"resourceType":"Observation","id":"period","valuePeriod":{"start":"2020-05-02"}}`,
	`{"resourceType":"Observation","id":"timing","effectiveTiming":{"event":["2021-01-10","2021-03-01T10:00:00Z","never"]}}`,
}
