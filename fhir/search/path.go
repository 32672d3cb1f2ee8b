package search

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir"
)

// A predicate writes a boolean expression on the jsonb document root.
type predicate func(root string, args *arguments) string

// jsonPath writes a path as SQL/JSON has it, in the lax mode, in which what is
// missing or of another type is passed by. Names and values in it come from the
// tables of package fhir. Which resources references lead to is not asked.
func jsonPath(path fhir.Path) string {
	var text strings.Builder
	text.WriteByte('$')
	for _, step := range path {
		text.WriteString(`."` + step.Name + `"`)
		if step.Many {
			text.WriteString("[*]")
		}
		if step.Member != "" {
			text.WriteString(` ? (@."` + step.Member + `" == "` + step.Value + `")`)
		}
	}
	return text.String()
}

// below returns the path that goes on from another by members that do not
// repeat, or by one that does if its name ends in an asterisk.
func below(path fhir.Path, names ...string) fhir.Path {
	longer := slices.Clone(path)
	for _, name := range names {
		name, many := strings.CutSuffix(name, "*")
		longer = append(longer, fhir.Step{Name: name, Many: many})
	}
	return longer
}

// contains asks whether a document has the value at the path. An index over the
// document (GIN) knows that.
func contains(path fhir.Path, value any) predicate {
	document := asJSON(nest(path, value))
	return func(root string, args *arguments) string {
		return root + " @> " + args.bind(document, "jsonb")
	}
}

// nest puts a value where the path leads, and what the path asks for beside it.
func nest(path fhir.Path, value any) any {
	if len(path) == 0 {
		return value
	}
	step := path[0]
	inner := nest(path[1:], value)
	if object, ok := inner.(map[string]any); ok && step.Member != "" {
		object[step.Member] = step.Value
	}
	if step.Many {
		inner = []any{inner}
	}
	return map[string]any{step.Name: inner}
}

// matches asks whether something at the path meets a condition of SQL/JSON, in
// which @ is the thing and $name one of the values.
func matches(path fhir.Path, condition string, values map[string]any) predicate {
	query := jsonPath(path) + " ? (" + condition + ")"
	if len(values) == 0 {
		return func(root string, _ *arguments) string { return "jsonb_path_exists(" + root + ", '" + query + "')" }
	}
	variables := asJSON(values)
	return func(root string, args *arguments) string {
		return "jsonb_path_exists(" + root + ", '" + query + "', " + args.bind(variables, "jsonb") + ")"
	}
}

// exists asks whether anything is at the path.
func exists(path fhir.Path) predicate {
	return matches(path, "@ != null", nil)
}

// texts writes a SELECT of the strings at the paths, as column v.
func texts(root string, paths []fhir.Path) string {
	selects := make([]string, len(paths))
	for i, path := range paths {
		selects[i] = "SELECT jsonb_path_query(" + root + ", '" + jsonPath(path) + ` ? (@.type() == "string")') #>> '{}' AS v`
	}
	return strings.Join(selects, " UNION ALL ")
}

// either holds where one of the predicates does.
func either(all []predicate) predicate { return join(all, " OR ") }

// both holds where all of the predicates do.
func both(all []predicate) predicate { return join(all, " AND ") }

func join(all []predicate, operator string) predicate {
	if len(all) == 1 {
		return all[0]
	}
	return func(root string, args *arguments) string {
		parts := make([]string, len(all))
		for i, p := range all {
			parts[i] = p(root, args)
		}
		return "(" + strings.Join(parts, operator) + ")"
	}
}

// not holds where the predicate does not.
func not(p predicate) predicate {
	return func(root string, args *arguments) string { return "(" + p(root, args) + ") IS NOT TRUE" }
}

// asJSON writes a value of strings, numbers, maps and lists.
func asJSON(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic("search: " + err.Error()) // cannot happen with such values
	}
	return strings.TrimSpace(out.String())
}
