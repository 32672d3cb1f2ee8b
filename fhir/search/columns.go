package search

import (
	"strings"

	"github.com/seed-90096f4d/sluice/sqltext"
)

// compileID compiles _id, which is a column.
func (c criterion) compileID() (predicate, error) {
	switch c.modifier {
	case "", "not":
	case "missing":
		missing, err := c.isMissing()
		if err != nil || missing {
			return never, err
		}
		return sqltext.Text("true"), nil
	default:
		return predicate{}, unsupportedModifier(c.modifier, "missing, not")
	}
	ids := make([]string, len(c.values))
	for i, value := range c.values {
		if len(splitValues(value, '|')) > 1 {
			return predicate{}, invalid("invalid id %q: an id has no system", value)
		}
		ids[i] = unescape(value)
	}
	wanted := idIsOneOf(ids)
	if c.modifier == "not" {
		wanted = not(wanted)
	}
	return wanted, nil
}

// idIsOneOf matches rows by their primary key.
func idIsOneOf(ids []string) predicate {
	return sqltext.New("r.id = ANY ({ids})", sqltext.Values{"ids": textArray(ids)})
}

// compileLastUpdated compiles _lastUpdated, which is a column.
func (c criterion) compileLastUpdated() (predicate, error) {
	switch c.modifier {
	case "":
	case "missing":
		missing, err := c.isMissing()
		if err != nil {
			return predicate{}, err
		}
		if missing {
			return sqltext.Text("r.ts IS NULL"), nil
		}
		return sqltext.Text("r.ts IS NOT NULL"), nil
	default:
		return predicate{}, unsupportedModifier(c.modifier, "missing")
	}
	found := make([]predicate, len(c.values))
	for i, value := range c.values {
		comparison, wanted, err := parseComparison(value)
		if err != nil {
			return predicate{}, err
		}
		found[i] = sqltext.New("({comparison})", sqltext.Values{"comparison": compare(momentConditions[comparison], wanted, "timestamptz")})
	}
	return either(found), nil
}

// momentConditions are spanConditions for the time of the last change. An index on the
// column serves them.
var momentConditions = map[string]string{
	"eq": "r.ts >= {low} AND r.ts < {high}",
	"ne": "r.ts < {low} OR r.ts >= {high}",
	"gt": "r.ts >= {high}",
	"lt": "r.ts < {low}",
	"ge": "r.ts >= {low}",
	"le": "r.ts < {high}",
	"sa": "r.ts >= {high}",
	"eb": "r.ts < {low}",
	"ap": "r.ts >= {low} AND r.ts < {high}",
}

// textArray returns an argument of type text[].
func textArray(values []string) sqltext.Fragment {
	quoted := make([]string, len(values))
	for i, value := range values {
		quoted[i] = `"` + escapeElement.Replace(value) + `"`
	}
	return sqltext.Arg("{"+strings.Join(quoted, ",")+"}", "text[]")
}

var escapeElement = strings.NewReplacer(`\`, `\\`, `"`, `\"`)
