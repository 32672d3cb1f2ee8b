package search

import (
	"strings"

	"github.com/seed-90096f4d/sluice/fhir/search/params"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// A stored reference has one of several forms. Its target is the target of its FHIR
// form: the element Reference.reference, as package fhir converts it. The SQL below is
// the only definition of this; every condition on references uses it, with {reference}
// for the reference, an expression of type jsonb.
//
//	{"resourceType": "Patient", "id": "p1"}      Aidbox
//	{"uri": "Patient/p1/_history/2"}             Aidbox, what is not Type/id
//	{"id": "Patient/p1/_history/2"}              Fhirbase, what is not Type/id
//	{"id": "e1", "reference": "Patient/p1"}      FHIR, maybe with the id of the element
//
// A member that is null counts as absent. A reference with another form, such as a
// logical one (identifier and type), has no target.
const (
	// literalSQL is Reference.reference, or null, also for a contained resource (#id).
	literalSQL = `CASE
		WHEN {reference} ->> 'reference' IS NOT NULL THEN CASE jsonb_typeof({reference} -> 'reference') WHEN 'string' THEN {reference} ->> 'reference' END
		WHEN {reference} ->> 'localRef' IS NOT NULL OR jsonb_typeof({reference} -> 'id') NOT IN ('string', 'null')
			OR jsonb_typeof({reference} -> 'resourceType') NOT IN ('string', 'null') OR {reference} ->> 'resourceType' = '' THEN NULL
		WHEN {reference} ->> 'uri' IS NULL THEN CASE WHEN {reference} ->> 'resourceType' IS NULL THEN {reference} ->> 'id' ELSE ({reference} ->> 'resourceType') || '/' || nullif({reference} ->> 'id', '') END
		WHEN {reference} ->> 'id' IS NULL OR {reference} ->> 'resourceType' IS NULL THEN CASE jsonb_typeof({reference} -> 'uri') WHEN 'string' THEN {reference} ->> 'uri' END
		END`

	// idPattern is the rest of a relative reference, after its type and a slash.
	idPattern = `([^/?#]+)(?:/_history/[^/?#]+)?$`

	// targetOfTypeSQL is the id of the target if it is a {type}, or null. The most
	// frequent form is evaluated first and without a regular expression, which takes ten
	// times as long.
	targetOfTypeSQL = `CASE
		WHEN {reference} ->> 'resourceType' = '{type}' AND NOT {reference} ?| '{reference,uri,localRef}' AND jsonb_typeof({reference} -> 'id') = 'string'
			THEN CASE translate({reference} ->> 'id', '/?#', '') WHEN '' THEN NULL WHEN {reference} ->> 'id' THEN {reference} ->> 'id' ELSE substring({reference} ->> 'id' FROM '^` + idPattern + `') END
		WHEN {reference} ->> 'resourceType' IS NULL OR {reference} ?| '{reference,uri,localRef}' THEN substring(` + literalSQL + ` FROM '^{type}/` + idPattern + `')
		END`

	// usualPatient is a filter of SQL/JSON for the most frequent form of a reference to a
	// Patient. Others can be references to a Patient, too.
	usualPatient = `@."resourceType" == "Patient" && @."id" like_regex "^[^/?#]+$" && !exists(@."reference") && !exists(@."uri") && !exists(@."localRef")`

	// targetSQL is an array of the type and the id of the target, or null.
	targetSQL = `regexp_match(` + literalSQL + `, '^([A-Z][A-Za-z0-9]*)/` + idPattern + `')`
)

// literal, targetOfType and target return literalSQL, targetOfTypeSQL and targetSQL for a
// reference.
func literal(reference string) sqltext.Fragment {
	return sqltext.New(literalSQL, sqltext.Values{"reference": sqltext.Text(reference)})
}

func targetOfType(reference, resourceType string) sqltext.Fragment {
	return sqltext.New(targetOfTypeSQL, sqltext.Values{"reference": sqltext.Text(reference), "type": sqltext.Text(resourceType)})
}

func target(reference string) sqltext.Fragment {
	return sqltext.New(targetSQL, sqltext.Values{"reference": sqltext.Text(reference)})
}

// targetOfTypes returns the id of the target of a reference if it is of one of the types,
// or of any type without types.
func targetOfTypes(reference string, resourceTypes []string) sqltext.Fragment {
	if len(resourceTypes) == 0 {
		return sqltext.New("({target})[2]", sqltext.Values{"target": target(reference)})
	}
	return sqltext.New("(SELECT target.found[2] FROM (SELECT {target} AS found) AS target WHERE target.found[1] IN ('{types}'))", sqltext.Values{
		"target": target(reference),
		"types":  sqltext.Text(strings.Join(resourceTypes, "', '")),
	})
}

// referencesAt returns the references v at a path of {root}, as an item of a FROM,
// including those to other types.
func referencesAt(path params.Path) sqltext.Fragment {
	return referencesIn(referenceLists([]params.Path{path}))
}

// referencesIn returns the references v in arrays, as an item of a FROM.
func referencesIn(lists []sqltext.Fragment) sqltext.Fragment {
	return sqltext.New("jsonb_array_elements({lists}) AS reference (v)", sqltext.Values{"lists": sqltext.Join(lists, " || ")})
}

// referenceLists returns the arrays of the references at the paths of {root}. Each
// element may be a list, even if its definition does not permit it.
func referenceLists(paths []params.Path) []sqltext.Fragment {
	var lists []sqltext.Fragment
	for _, path := range paths {
		for _, form := range choiceForms(path) {
			form[len(form)-1].Many = true
			lists = append(lists, sqltext.New("jsonb_path_query_array({root}, '{path}')", sqltext.Values{"path": sqltext.Text(jsonPath(form))}))
		}
	}
	return lists
}

// choiceForms returns the path and, if it contains a choice element, the path with its
// FHIR name: medicationReference for medication.Reference.
func choiceForms(path params.Path) []params.Path {
	forms := []params.Path{below(path)}
	for i := 1; i < len(path); i++ {
		if name := path[i].Name; 'A' <= name[0] && name[0] <= 'Z' {
			joined := path[i]
			joined.Name = path[i-1].Name + name
			joined.Many = path[i-1].Many
			forms = append(forms, append(append(below(path[:i-1]), joined), path[i+1:]...))
		}
	}
	return forms
}

const (
	mayReferToSQL = `{root} @@ format('{conditions}', to_json('{type}/' || {id}), to_json({id}))::jsonpath`

	// mayReferToCondition is a format for a condition of SQL/JSON; its arguments are the
	// literal reference and the id.
	mayReferToCondition = `exists({path} ? (@."reference" == %1$s || @."uri" == %1$s || @."id" == %1$s || @."resourceType" == "{type}" && @."id" == %2$s))`
)

// mayReferTo returns a condition that an index on the documents serves. It matches the
// documents {root} with a reference at one of the paths to the resource of the type with
// the id, an expression of type text, unless the reference has a version. It also matches
// some other documents.
func mayReferTo(paths []params.Path, resourceType string, id sqltext.Fragment) sqltext.Fragment {
	name := sqltext.Text(resourceType)
	var conditions []sqltext.Fragment
	for _, path := range paths {
		for _, choice := range choiceForms(path) {
			conditions = append(conditions, sqltext.New(mayReferToCondition, sqltext.Values{"path": sqltext.Text(jsonPath(choice)), "type": name}))
		}
	}
	return sqltext.New(mayReferToSQL, sqltext.Values{"conditions": sqltext.Join(conditions, " || "), "type": name, "id": id})
}

// mayHaveVersion is a condition that matches the documents {root} with a reference to a
// version of a resource, and some others. An index on the documents does not serve such
// references; a partial index with this condition does.
var mayHaveVersion = sqltext.New(`{root}::text LIKE '%\_history%'`, nil)
