package search

import "strings"

// compileID asks for the id, which is a column.
func (c criterion) compileID() (predicate, error) {
	switch c.modifier {
	case "", "not":
	case "missing":
		missing, err := c.isMissing()
		if err != nil || missing {
			return never, err
		}
		return always, nil
	default:
		return nil, unsupportedModifier(c.modifier, "missing, not")
	}
	ids := make([]string, len(c.values))
	for i, value := range c.values {
		if len(splitValues(value, '|')) > 1 {
			return nil, invalid("an id has no system: %q", value)
		}
		ids[i] = unescape(value)
	}
	wanted := idIsOneOf(ids)
	if c.modifier == "not" {
		wanted = not(wanted)
	}
	return wanted, nil
}

// idIsOneOf asks for rows by their primary key.
func idIsOneOf(ids []string) predicate {
	return func(_ string, args *arguments) string {
		return "r.id = ANY (" + args.bind(textArray(ids), "text[]") + ")"
	}
}

// compileLastUpdated asks for the time of the last change, which is a column.
func (c criterion) compileLastUpdated() (predicate, error) {
	switch c.modifier {
	case "":
	case "missing":
		missing, err := c.isMissing()
		if err != nil {
			return nil, err
		}
		return func(string, *arguments) string {
			if missing {
				return "r.ts IS NULL"
			}
			return "r.ts IS NOT NULL"
		}, nil
	default:
		return nil, unsupportedModifier(c.modifier, "missing")
	}
	found := make([]predicate, len(c.values))
	for i, value := range c.values {
		comparison, wanted, err := parseComparison(value)
		if err != nil {
			return nil, err
		}
		found[i] = func(_ string, args *arguments) string {
			return "(" + compare(momentConditions[comparison], wanted, "timestamptz", args) + ")"
		}
	}
	return either(found), nil
}

// momentConditions are spanConditions for the moment of the last change, so that
// an index over the column knows them.
var momentConditions = map[string]string{
	"eq": "r.ts >= %l AND r.ts < %h",
	"ne": "r.ts < %l OR r.ts >= %h",
	"gt": "r.ts >= %h",
	"lt": "r.ts < %l",
	"ge": "r.ts >= %l",
	"le": "r.ts < %h",
	"sa": "r.ts >= %h",
	"eb": "r.ts < %l",
	"ap": "r.ts >= %l AND r.ts < %h",
}

// always holds everywhere.
func always(string, *arguments) string { return "true" }

// textArray writes a text[] as PostgreSQL reads it.
func textArray(values []string) string {
	var out strings.Builder
	escape := strings.NewReplacer(`\`, `\\`, `"`, `\"`)
	out.WriteByte('{')
	for i, value := range values {
		if i > 0 {
			out.WriteByte(',')
		}
		out.WriteByte('"')
		_, _ = escape.WriteString(&out, value) // a Builder takes everything
		out.WriteByte('"')
	}
	out.WriteByte('}')
	return out.String()
}
