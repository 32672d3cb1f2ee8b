package search

import (
	"bytes"
	"encoding/json"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/fhir/search/params"
	"github.com/seed-90096f4d/sluice/sqltext"
)

// predicate is a boolean expression on the jsonb document {root}.
type predicate = sqltext.Fragment

// rootAt fills the hole {root} with an expression of type jsonb.
func rootAt(f sqltext.Fragment, expression string) sqltext.Fragment {
	return f.Fill(sqltext.Values{"root": sqltext.Text(expression)})
}

// jsonPath returns a path of SQL/JSON in lax mode, which skips what is missing or of
// another type. Its names and values are defined by package params. It ignores
// Step.Target.
func jsonPath(path params.Path) string {
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

// below returns a path extended by members. The name of a repeating member ends in an
// asterisk.
func below(path params.Path, names ...string) params.Path {
	longer := slices.Clone(path)
	for _, name := range names {
		name, many := strings.CutSuffix(name, "*")
		longer = append(longer, params.Step{Name: name, Many: many})
	}
	return longer
}

// contains matches documents with the value at the path. A GIN index on the document
// serves it.
func contains(path params.Path, value any) predicate {
	return sqltext.New("{root} @> {document}", sqltext.Values{"document": sqltext.Arg(asJSON(nest(path, value)), "jsonb")})
}

// nest returns an object with the value, and the members that Step.Member requires, at
// the path.
func nest(path params.Path, value any) any {
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

// matches matches documents with an item at the path that meets a condition of
// SQL/JSON, in which @ is the item and $name one of the values.
func matches(path params.Path, condition string, values map[string]any) predicate {
	query := sqltext.Text(jsonPath(path) + " ? (" + condition + ")")
	if len(values) == 0 {
		return sqltext.New("jsonb_path_exists({root}, '{query}')", sqltext.Values{"query": query})
	}
	return sqltext.New("jsonb_path_exists({root}, '{query}', {variables})", sqltext.Values{
		"query":     query,
		"variables": sqltext.Arg(asJSON(values), "jsonb"),
	})
}

// exists matches documents with a value at the path.
func exists(path params.Path) predicate {
	return matches(path, "@ != null", nil)
}

// textsSQL selects the strings at a path of {root}, as column v.
const textsSQL = `SELECT jsonb_path_query({root}, '{path} ? (@.type() == "string")') #>> '{}' AS v`

// texts returns a SELECT of the strings at the paths of {root}, as column v.
func texts(paths []params.Path) sqltext.Fragment {
	selects := make([]sqltext.Fragment, len(paths))
	for i, path := range paths {
		selects[i] = sqltext.New(textsSQL, sqltext.Values{"path": sqltext.Text(jsonPath(path))})
	}
	return sqltext.Join(selects, " UNION ALL ")
}

// either matches if any of the predicates does.
func either(all []predicate) predicate { return join(all, " OR ") }

// both matches if all of the predicates do.
func both(all []predicate) predicate { return join(all, " AND ") }

func join(all []predicate, operator string) predicate {
	if len(all) == 1 {
		return all[0]
	}
	return sqltext.New("({all})", sqltext.Values{"all": sqltext.Join(all, operator)})
}

// not matches if the predicate does not.
func not(p predicate) predicate {
	return sqltext.New("({predicate}) IS NOT TRUE", sqltext.Values{"predicate": p})
}

// asJSON encodes a value of strings, numbers, maps and slices.
func asJSON(value any) string {
	var out bytes.Buffer
	encoder := json.NewEncoder(&out)
	encoder.SetEscapeHTML(false)
	if err := encoder.Encode(value); err != nil {
		panic("search: " + err.Error()) // cannot happen with such values
	}
	return strings.TrimSpace(out.String())
}
