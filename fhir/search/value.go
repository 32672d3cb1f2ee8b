package search

import (
	"strings"
	"unicode/utf8"
)

// splitValues splits the text of a value at the separators that are not escaped by a
// backslash. The parts keep their backslashes.
func splitValues(text string, separator byte) []string {
	var parts []string
	start := 0
	for i := 0; i < len(text); i++ {
		switch text[i] {
		case '\\':
			i++
		case separator:
			parts, start = append(parts, text[start:i]), i+1
		}
	}
	return append(parts, text[start:])
}

// unescape removes the backslashes before separators and before another backslash.
func unescape(text string) string { return unescaper.Replace(text) }

var unescaper = strings.NewReplacer(`\,`, `,`, `\|`, `|`, `\$`, `$`, `\\`, `\`)

// storable reports whether PostgreSQL can store the text.
func storable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

// prefixed splits a number, date or quantity into its comparison and the rest: "ge" and
// "2020". The default comparison is "eq".
func prefixed(text string) (comparison, rest string) {
	if len(text) > 2 {
		switch prefix := text[:2]; prefix {
		case "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap":
			return prefix, text[2:]
		}
	}
	return "eq", text
}
