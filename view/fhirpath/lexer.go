package fhirpath

import (
	"fmt"
	"strconv"
	"strings"
	"unicode/utf16"
	"unicode/utf8"
)

type tokenKind uint8

const (
	tokenEnd       tokenKind = iota
	tokenName                // a name or a keyword
	tokenDelimited           // a name in backticks
	tokenString
	tokenNumber
	tokenDate
	tokenDateTime
	tokenTime
	tokenSymbol // an operator or a bracket that is not a word; $this
)

// token is a word of an expression.
type token struct {
	kind   tokenKind
	offset int
	text   string // decoded; of a date without the @
}

// is reports whether the token is a symbol or a keyword.
func (t token) is(text string) bool {
	return t.text == text && (t.kind == tokenSymbol || t.kind == tokenName)
}

// String describes the token for messages.
func (t token) String() string {
	if t.kind == tokenEnd {
		return "end of expression"
	}
	return fmt.Sprintf("%q", shorten(t.text))
}

// lexer splits an expression into tokens.
type lexer struct {
	text string
	at   int
}

// mistake returns an error whose text quotes only the beginning of long words.
func mistake(offset int, format string, args ...any) *Error {
	for i, arg := range args {
		if text, ok := arg.(string); ok {
			args[i] = shorten(text)
		}
	}
	return &Error{Offset: offset, Text: fmt.Sprintf(format, args...)}
}

func shorten(text string) string {
	const most = 200
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}

// next returns the next token.
func (l *lexer) next() (token, error) {
	if err := l.skipSpace(); err != nil {
		return token{}, err
	}
	start := l.at
	if start == len(l.text) {
		return token{kind: tokenEnd, offset: start}, nil
	}
	switch c := l.text[start]; {
	case isLetter(c):
		l.skipName()
		return token{tokenName, start, l.text[start:l.at]}, nil
	case isDigit(c):
		return l.number(), nil
	case c == '\'':
		return l.quoted(tokenString)
	case c == '`':
		return l.quoted(tokenDelimited)
	case c == '@':
		return l.date()
	}
	return l.symbol()
}

// skipSpace skips white space and comments.
func (l *lexer) skipSpace() error {
	for l.at < len(l.text) {
		rest := l.text[l.at:]
		switch {
		case strings.ContainsRune(" \t\r\n", rune(rest[0])):
			l.at++
		case strings.HasPrefix(rest, "//"):
			l.at += lineEnd(rest)
		case strings.HasPrefix(rest, "/*"):
			end := strings.Index(rest[2:], "*/")
			if end < 0 {
				return mistake(l.at, "the comment is not closed")
			}
			l.at += end + 4
		default:
			return nil
		}
	}
	return nil
}

func lineEnd(text string) int {
	if end := strings.IndexAny(text, "\r\n"); end >= 0 {
		return end
	}
	return len(text)
}

func (l *lexer) skipName() {
	for l.at < len(l.text) && (isLetter(l.text[l.at]) || isDigit(l.text[l.at])) {
		l.at++
	}
}

func (l *lexer) skipDigits() {
	for l.at < len(l.text) && isDigit(l.text[l.at]) {
		l.at++
	}
}

// number reads an Integer or Decimal. Its text is a JSON number: without leading zeros.
func (l *lexer) number() token {
	start := l.at
	l.skipDigits()
	whole := strings.TrimLeft(l.text[start:l.at], "0")
	if whole == "" {
		whole = "0"
	}
	point := l.at
	if l.at+1 < len(l.text) && l.text[l.at] == '.' && isDigit(l.text[l.at+1]) {
		l.at++
		l.skipDigits()
	}
	return token{tokenNumber, start, whole + l.text[point:l.at]}
}

// symbols are the symbols of more than one character, longest first.
var symbols = []string{"$this", "$index", "$total", "<=", ">=", "!=", "!~"}

func (l *lexer) symbol() (token, error) {
	rest := l.text[l.at:]
	for _, s := range symbols {
		if strings.HasPrefix(rest, s) {
			l.at += len(s)
			return token{tokenSymbol, l.at - len(s), s}, nil
		}
	}
	if !strings.ContainsRune(".()[]{},+-*/&|<>=~%", rune(rest[0])) {
		r, _ := utf8.DecodeRuneInString(rest)
		return token{}, mistake(l.at, "unexpected character %q", r)
	}
	l.at++
	return token{tokenSymbol, l.at - 1, rest[:1]}, nil
}

// date reads a Date, DateTime or Time literal, which begins with @.
func (l *lexer) date() (token, error) {
	start := l.at
	l.at++
	kind := tokenDate
	if l.accept("T") {
		kind = tokenTime
		l.skipTime()
	} else {
		l.skipPattern("dddd")
		if l.skipPattern("-dd") {
			l.skipPattern("-dd")
		}
		if l.accept("T") {
			kind = tokenDateTime
			if l.skipTime() && !l.accept("Z") && !l.skipPattern("+dd:dd") {
				l.skipPattern("-dd:dd")
			}
		}
	}
	text := strings.TrimSuffix(strings.TrimPrefix(l.text[start+1:l.at], "T"), "T")
	var t temporal
	if ok := kind == tokenTime && t.parseTime([]byte(text)) || kind != tokenTime && t.parseDateTime([]byte(text)); !ok {
		return token{}, mistake(start, "invalid date or time %q: the form is @2014-01-25, @2014-01-25T14:30:14.559Z or @T14:30", l.text[start:l.at])
	}
	return token{kind, start, text}, nil
}

// skipTime skips hh:mm:ss.fff, or a part of it that begins with the hour.
func (l *lexer) skipTime() bool {
	if !l.skipPattern("dd") {
		return false
	}
	if l.skipPattern(":dd") {
		seconds := l.skipPattern(":dd")
		if seconds && l.skipPattern(".d") {
			l.skipDigits()
		}
	}
	return true
}

func (l *lexer) accept(text string) bool {
	if !strings.HasPrefix(l.text[l.at:], text) {
		return false
	}
	l.at += len(text)
	return true
}

// skipPattern skips a text with a digit for each d of the pattern.
func (l *lexer) skipPattern(pattern string) bool {
	rest := l.text[l.at:]
	if len(rest) < len(pattern) {
		return false
	}
	for i := range len(pattern) {
		if pattern[i] == 'd' && !isDigit(rest[i]) || pattern[i] != 'd' && pattern[i] != rest[i] {
			return false
		}
	}
	l.at += len(pattern)
	return true
}

func isDigit(c byte) bool { return '0' <= c && c <= '9' }

func isLetter(c byte) bool { return 'a' <= c && c <= 'z' || 'A' <= c && c <= 'Z' || c == '_' }

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
