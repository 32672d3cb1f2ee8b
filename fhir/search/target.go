package search

import (
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
)

// A stored reference has one of several forms, and what it leads to is told by what
// it is in FHIR: the element Reference.reference, as package fhir converts it. The
// SQL below is the only definition of that; every condition on references uses it,
// with %v for the reference, an expression of type jsonb.
//
//	{"resourceType": "Patient", "id": "p1"}      Aidbox
//	{"uri": "Patient/p1/_history/2"}             Aidbox, what is not Type/id
//	{"id": "Patient/p1/_history/2"}              Fhirbase, what is not Type/id
//	{"id": "e1", "reference": "Patient/p1"}      FHIR, maybe with the id of the element
//
// A member that is null counts as absent. A reference that has none of these forms,
// such as a logical one (identifier and type), leads nowhere.
const (
	// literalSQL is Reference.reference, or null. That of a contained resource (#id)
	// is left out.
	literalSQL = `CASE
		WHEN %v ->> 'reference' IS NOT NULL THEN CASE jsonb_typeof(%v -> 'reference') WHEN 'string' THEN %v ->> 'reference' END
		WHEN %v ->> 'localRef' IS NOT NULL OR jsonb_typeof(%v -> 'id') NOT IN ('string', 'null')
			OR jsonb_typeof(%v -> 'resourceType') NOT IN ('string', 'null') OR %v ->> 'resourceType' = '' THEN NULL
		WHEN %v ->> 'uri' IS NULL THEN CASE WHEN %v ->> 'resourceType' IS NULL THEN %v ->> 'id' ELSE (%v ->> 'resourceType') || '/' || nullif(%v ->> 'id', '') END
		WHEN %v ->> 'id' IS NULL OR %v ->> 'resourceType' IS NULL THEN CASE jsonb_typeof(%v -> 'uri') WHEN 'string' THEN %v ->> 'uri' END
		END`

	// idPattern is the rest of a relative reference, behind its type and a slash.
	idPattern = `([^/?#]+)(?:/_history/[^/?#]+)?$`

	// targetOfTypeSQL is the id of the resource of the type %t that the reference leads
	// to, or null. The form that is by far the most frequent is read without a look at
	// the others and without a regular expression, which takes ten times as long.
	targetOfTypeSQL = `CASE
		WHEN %v ->> 'resourceType' = '%t' AND NOT %v ?| '{reference,uri,localRef}' AND jsonb_typeof(%v -> 'id') = 'string'
			THEN CASE translate(%v ->> 'id', '/?#', '') WHEN '' THEN NULL WHEN %v ->> 'id' THEN %v ->> 'id' ELSE substring(%v ->> 'id' FROM '^` + idPattern + `') END
		WHEN %v ->> 'resourceType' IS NULL OR %v ?| '{reference,uri,localRef}' THEN substring(` + literalSQL + ` FROM '^%t/` + idPattern + `')
		END`

	// usualOfType is a filter of SQL/JSON for the most frequent form of a reference to a
	// resource of the type %t. What does not pass it can still be such a reference.
	usualOfType = `@."resourceType" == "%t" && @."id" like_regex "^[^/?#]+$" && !exists(@."reference") && !exists(@."uri") && !exists(@."localRef")`

	// targetSQL are the type and the id of the resource, whatever its type, or null.
	targetSQL = `regexp_match(` + literalSQL + `, '^([A-Z][A-Za-z0-9]*)/` + idPattern + `')`
)

// literal, targetOfType and target write those for a reference.
func literal(reference string) string { return strings.ReplaceAll(literalSQL, "%v", reference) }

func targetOfType(reference, resourceType string) string {
	return strings.NewReplacer("%v", reference, "%t", resourceType).Replace(targetOfTypeSQL)
}

func target(reference string) string { return strings.ReplaceAll(targetSQL, "%v", reference) }

// targetOfTypes writes the id of the resource that a reference leads to, if it is of
// one of the types; without types, of any.
func targetOfTypes(reference string, resourceTypes []string) string {
	if len(resourceTypes) == 0 {
		return "(" + target(reference) + ")[2]"
	}
	return "(SELECT target.found[2] FROM (SELECT " + target(reference) + " AS found) AS target" +
		" WHERE target.found[1] IN ('" + strings.Join(resourceTypes, "', '") + "'))"
}

// referencesAt writes the references v that are at the paths of a document, as
// items of a FROM, whatever types they lead to.
func referencesAt(root string, paths []fhir.Path) string {
	return "jsonb_array_elements(" + strings.Join(referenceLists(root, paths), " || ") + ") AS reference (v)"
}

// referenceLists writes the arrays of the references at the paths. An element that
// is a list against its definition is read like one that may be.
func referenceLists(root string, paths []fhir.Path) []string {
	var lists []string
	for _, path := range paths {
		for _, form := range choiceForms(path) {
			form[len(form)-1].Many = true
			lists = append(lists, "jsonb_path_query_array("+root+", '"+jsonPath(form)+"')")
		}
	}
	return lists
}

// choiceForms returns the path and, if it leads through a choice element, the one
// by FHIR's name of it: medicationReference for medication.Reference.
func choiceForms(path fhir.Path) []fhir.Path {
	forms := []fhir.Path{below(path)}
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

// mayLeadTo writes a condition that an index over the documents serves. It holds for
// the documents with a reference at one of the paths that leads to the resource of the
// type with the id, an expression of type text, unless that reference names a version,
// and for some others.
func mayLeadTo(root string, paths []fhir.Path, resourceType, id string) string {
	const form = ` ? (@."reference" == %1$s || @."uri" == %1$s || @."id" == %1$s || @."resourceType" == "%t" && @."id" == %2$s)`
	var found []string
	for _, path := range paths {
		for _, choice := range choiceForms(path) {
			found = append(found, "exists("+jsonPath(choice)+strings.ReplaceAll(form, "%t", resourceType)+")")
		}
	}
	literal := "to_json('" + resourceType + "/' || " + id + ")"
	return root + " @@ format('" + strings.Join(found, " || ") + "', " + literal + ", to_json(" + id + "))::jsonpath"
}

// mayNameVersion writes a condition that holds for the documents with a reference to a
// version of a resource, and for some others. An index over the documents does not know
// the resource of such a reference; the one that serves this is a partial index with
// the same condition.
func mayNameVersion(root string) string { return root + `::text LIKE '%\_history%'` }
