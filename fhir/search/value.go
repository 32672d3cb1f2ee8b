package search

import (
	"strings"
	"unicode/utf8"
)

// splitValues splits the text of a value at a separator that no backslash
// stands before. The parts keep their backslashes.
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

// unescape takes away the backslashes before the characters that separate
// values and parts of them: \, \| \$ and \\ itself.
func unescape(text string) string {
	if !strings.Contains(text, `\`) {
		return text
	}
	var out strings.Builder
	for i := 0; i < len(text); i++ {
		if text[i] == '\\' && i+1 < len(text) && strings.IndexByte(`,|$\`, text[i+1]) >= 0 {
			i++
		}
		out.WriteByte(text[i])
	}
	return out.String()
}

// storable says whether PostgreSQL can hold the text at all.
func storable(text string) bool {
	return utf8.ValidString(text) && !strings.ContainsRune(text, 0)
}

// prefixed splits the comparison off a value of a number, date or quantity:
// "ge" from "ge2020". Without one it is "eq".
func prefixed(text string) (comparison, rest string) {
	if len(text) > 2 {
		switch prefix := text[:2]; prefix {
		case "eq", "ne", "gt", "lt", "ge", "le", "sa", "eb", "ap":
			return prefix, text[2:]
		}
	}
	return "eq", text
}
