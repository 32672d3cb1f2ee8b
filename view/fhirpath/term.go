package fhirpath

import (
	"slices"
	"strings"
)

// term parses what a path begins with.
func (p *parser) term() (*syntax, error) {
	t := p.token
	switch t.kind {
	case tokenString:
		return p.literal(systemString)
	case tokenNumber:
		return p.number()
	case tokenDate:
		return p.literal(systemDate)
	case tokenDateTime:
		return p.literal(systemDateTime)
	case tokenTime:
		return p.literal(systemTime)
	case tokenName:
		if t.text == "true" || t.text == "false" {
			return p.literal(systemBoolean)
		}
	case tokenSymbol:
		switch t.text {
		case "(":
			return p.parenthesised()
		case "{":
			return p.empty()
		case "%":
			return p.variable()
		}
	}
	return p.invocation(nil)
}

func (p *parser) literal(system *typ) (*syntax, error) {
	s := &syntax{kind: literalSyntax, offset: p.token.offset, text: p.token.text, system: system}
	return s, p.advance()
}

// number parses a number, or a Quantity: a number with a unit.
func (p *parser) number() (*syntax, error) {
	system := systemInteger
	if strings.Contains(p.token.text, ".") {
		system = systemDecimal
	}
	s, err := p.literal(system)
	if err != nil {
		return nil, err
	}
	unit := p.token
	switch {
	case unit.kind == tokenString:
		s.system, s.text = systemQuantity, quantityJSON(s.text, unit.text, true)
	case unit.kind == tokenName && isCalendarUnit(unit.text):
		s.system, s.text = systemQuantity, quantityJSON(s.text, strings.TrimSuffix(unit.text, "s"), false)
	default:
		return s, nil
	}
	return s, p.advance()
}

// calendarUnits are the units of calendar durations; each has a plural, too.
var calendarUnits = []string{"year", "month", "week", "day", "hour", "minute", "second", "millisecond"}

func isCalendarUnit(word string) bool {
	return slices.Contains(calendarUnits, strings.TrimSuffix(word, "s"))
}

func (p *parser) parenthesised() (*syntax, error) {
	if err := p.advance(); err != nil {
		return nil, err
	}
	s, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	return s, p.expect(")")
}

func (p *parser) empty() (*syntax, error) {
	s := &syntax{kind: emptySyntax, offset: p.token.offset, text: "{}"}
	if err := p.advance(); err != nil {
		return nil, err
	}
	return s, p.expect("}")
}

// variable parses %name, %`name` or %'name'.
func (p *parser) variable() (*syntax, error) {
	offset := p.token.offset
	if err := p.advance(); err != nil {
		return nil, err
	}
	if p.token.kind != tokenName && p.token.kind != tokenDelimited && p.token.kind != tokenString {
		return nil, p.unexpected("the name of a constant after %")
	}
	s := &syntax{kind: variableSyntax, offset: offset, text: p.token.text}
	return s, p.advance()
}

// reserved are the keywords that are no names unless they are in backticks.
var reserved = []string{"and", "or", "xor", "implies", "div", "mod", "true", "false"}

// invocation parses a name, a function or a variable such as $this on an input; nil is the
// focus.
func (p *parser) invocation(input *syntax) (*syntax, error) {
	t := p.token
	switch {
	case t.kind == tokenSymbol && (t.text == "$this" || t.text == "$index") && input == nil:
		kind := thisSyntax
		if t.text == "$index" {
			kind = indexSyntax
		}
		return &syntax{kind: kind, offset: t.offset, text: t.text}, p.advance()
	case t.kind == tokenSymbol && t.text == "$total":
		return nil, mistake(t.offset, "$total is not supported")
	case t.kind == tokenDelimited, t.kind == tokenName && !slices.Contains(reserved, t.text):
	default:
		return nil, p.unexpected("an element, a function or a value")
	}
	s := &syntax{kind: nameSyntax, offset: t.offset, text: t.text, onFocus: input == nil}
	if input == nil {
		input = &syntax{kind: thisSyntax, offset: t.offset, text: "$this"}
	}
	s.operands = []*syntax{input}
	if err := p.advance(); err != nil || p.token.kind != tokenSymbol || p.token.text != "(" {
		return s, err
	}
	s.kind = callSyntax
	return s, p.argumentsOf(s)
}

// argumentsOf parses the arguments of a call with their parentheses.
func (p *parser) argumentsOf(s *syntax) error {
	if err := p.advance(); err != nil {
		return err
	}
	for !p.token.is(")") {
		if len(s.arguments) > 0 {
			if err := p.expect(","); err != nil {
				return err
			}
		}
		argument, err := p.expression(0)
		if err != nil {
			return err
		}
		s.arguments = append(s.arguments, argument)
	}
	return p.advance()
}
