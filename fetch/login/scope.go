package login

import (
	"slices"
	"strings"
)

// permission is the suffix of scopes that allow the client to read: SMART App Launch has
// two syntaxes.
type permission string

const (
	v1 permission = ".read"
	v2 permission = ".rs"
)

// defaultScope returns the scope that an export of these types needs. An empty list means
// all types.
func defaultScope(types []string, p permission) string {
	if len(types) == 0 {
		types = []string{"*"}
	}
	scopes := make([]string, len(types))
	for i, t := range types {
		scopes[i] = "system/" + t + string(p)
	}
	slices.Sort(scopes)
	return strings.Join(slices.Compact(scopes), " ")
}

// permissionOf returns the syntax of the scopes that a server supports: v1 if none of
// them is in the syntax of v2.
func permissionOf(scopes []string) permission {
	p := v2
	for _, scope := range scopes {
		scope, _, _ = strings.Cut(scope, "?")
		prefix, suffix, found := strings.Cut(scope, ".")
		if !found || !strings.Contains(prefix, "/") {
			continue
		}
		switch {
		case suffix == "read", suffix == "write", suffix == "*":
			p = v1
		case suffix != "" && strings.Trim(suffix, "cruds") == "":
			return v2
		}
	}
	return p
}

// list returns names as a text.
func list[T ~string](names []T) string {
	var b strings.Builder
	for i, name := range names {
		if i > 0 {
			_, _ = b.WriteString(", ")
		}
		_, _ = b.WriteString(string(name))
	}
	return b.String()
}
