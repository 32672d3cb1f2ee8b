package fhirpath

import (
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

// quoted reads a string or a delimited name, whose closing quote is the opening one.
func (l *lexer) quoted(kind tokenKind) (token, error) {
	start, quote := l.at, l.text[l.at]
	var text []byte
	for l.at++; l.at < len(l.text); {
		switch c := l.text[l.at]; c {
		case quote:
			l.at++
			return token{kind, start, string(text)}, nil
		case '\\':
			var err error
			if text, err = l.escape(text); err != nil {
				return token{}, err
			}
		default:
			text = append(text, c)
			l.at++
		}
	}
	return token{}, mistake(start, "missing closing %c", quote)
}

// escape appends the character that the escape sequence at the current position stands
// for. A backslash before any other character is dropped.
func (l *lexer) escape(text []byte) ([]byte, error) {
	if l.at+1 == len(l.text) {
		l.at++
		return text, nil // the closing quote is missing, too
	}
	c := l.text[l.at+1]
	if c == 'u' {
		return l.unicode(text)
	}
	l.at += 2
	if i := strings.IndexByte("rntf", c); i >= 0 {
		c = "\r\n\t\f"[i]
	}
	return append(text, c), nil
}

// unicode appends the character of \uXXXX, or of two of them that are a surrogate pair.
func (l *lexer) unicode(text []byte) ([]byte, error) {
	first, ok := l.hexadecimal(l.at)
	if !ok {
		return nil, mistake(l.at, `invalid escape sequence: \u must be followed by 4 hexadecimal digits`)
	}
	l.at += 6
	if !utf16.IsSurrogate(first) {
		return utf8.AppendRune(text, first), nil
	}
	second, ok := l.hexadecimal(l.at)
	pair := utf16.DecodeRune(first, second)
	if !ok || pair == utf8.RuneError {
		return nil, mistake(l.at-6, `invalid escape sequence: half of a surrogate pair`)
	}
	l.at += 6
	return utf8.AppendRune(text, pair), nil
}

// hexadecimal returns the code of the \uXXXX at position i.
func (l *lexer) hexadecimal(i int) (rune, bool) {
	if i+6 > len(l.text) || l.text[i] != '\\' || l.text[i+1] != 'u' {
		return 0, false
	}
	code, err := strconv.ParseUint(l.text[i+2:i+6], 16, 16)
	return rune(code), err == nil
}
