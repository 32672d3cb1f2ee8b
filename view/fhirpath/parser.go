package fhirpath

import "slices"

// The limits of an expression.
const (
	maxLength  = 16 << 10 // in bytes
	maxNesting = 100      // of parentheses, arguments and signs
)

type syntaxKind uint8

const (
	literalSyntax   syntaxKind = iota // of type system
	emptySyntax                       // {}
	thisSyntax                        // $this
	indexSyntax                       // $index
	variableSyntax                    // %name
	nameSyntax                        // an element or a type, of the first operand if there is one
	callSyntax                        // a function, on the first operand
	indexerSyntax                     // [ ]
	unarySyntax                       // + or -
	binarySyntax                      // any operator with two operands
	typeCheckSyntax                   // is, as
)

// syntax is a node of the syntax tree.
type syntax struct {
	kind     syntaxKind
	offset   int    // of the name or operator
	text     string // name, operator or literal
	system   *typ   // of a literal
	operands []*syntax

	// onFocus reports that a name or call has no operand before it.
	onFocus   bool
	arguments []*syntax // of a call
}

// parser is a parser by recursive descent with one token of lookahead.
type parser struct {
	lexer   lexer
	token   token
	nesting int
}

// parse returns the syntax tree of an expression.
func parse(text string) (*syntax, error) {
	p := &parser{lexer: lexer{text: text}}
	if err := p.advance(); err != nil {
		return nil, err
	}
	s, err := p.expression(0)
	if err == nil && p.token.kind != tokenEnd {
		err = p.unexpected("an operator")
	}
	if err != nil {
		return nil, err
	}
	return s, nil
}

func (p *parser) advance() (err error) {
	p.token, err = p.lexer.next()
	return err
}

func (p *parser) unexpected(allowed string) error {
	return mistake(p.token.offset, "unexpected %v, expected %s", p.token, allowed)
}

// expect skips a symbol.
func (p *parser) expect(symbol string) error {
	if p.token.kind != tokenSymbol || p.token.text != symbol {
		return p.unexpected(`"` + symbol + `"`)
	}
	return p.advance()
}

// precedence lists the operators with two operands, weakest first.
var precedence = [][]string{
	{"implies"}, {"or", "xor"}, {"and"}, {"in", "contains"}, {"=", "~", "!=", "!~"},
	{"<", "<=", ">", ">="}, {"|"}, {"is", "as"}, {"+", "-", "&"}, {"*", "/", "div", "mod"},
}

// level returns the precedence of the current token, or -1 if it is no operator.
func (p *parser) level() int {
	return slices.IndexFunc(precedence, func(operators []string) bool {
		return slices.ContainsFunc(operators, p.token.is)
	})
}

// nest enters a level of nesting.
func (p *parser) nest() error {
	if p.nesting++; p.nesting > maxNesting {
		return mistake(p.token.offset, "the expression is nested more than %d levels deep", maxNesting)
	}
	return nil
}

// expression parses operators of a precedence or stronger.
func (p *parser) expression(weakest int) (*syntax, error) {
	if err := p.nest(); err != nil {
		return nil, err
	}
	defer func() { p.nesting-- }()
	left, err := p.unary()
	for err == nil {
		level := p.level()
		if level < weakest {
			return left, nil
		}
		left, err = p.binary(left, level)
	}
	return nil, err
}

// binary parses an operator and its second operand.
func (p *parser) binary(left *syntax, level int) (*syntax, error) {
	s := &syntax{kind: binarySyntax, offset: p.token.offset, text: p.token.text}
	if err := p.advance(); err != nil {
		return nil, err
	}
	var right *syntax
	var err error
	if s.text == "is" || s.text == "as" {
		s.kind = typeCheckSyntax
		right, err = p.postfix()
	} else {
		right, err = p.expression(level + 1)
	}
	s.operands = []*syntax{left, right}
	return s, err
}

// unary parses signs, which are weaker than paths.
func (p *parser) unary() (*syntax, error) {
	if !p.token.is("-") && !p.token.is("+") {
		return p.postfix()
	}
	s := &syntax{kind: unarySyntax, offset: p.token.offset, text: p.token.text}
	if err := p.nest(); err != nil {
		return nil, err
	}
	defer func() { p.nesting-- }()
	if err := p.advance(); err != nil {
		return nil, err
	}
	operand, err := p.unary()
	s.operands = []*syntax{operand}
	return s, err
}

// postfix parses a path: a term followed by names, functions and indexers.
func (p *parser) postfix() (*syntax, error) {
	s, err := p.term()
	for err == nil {
		switch {
		case p.token.kind != tokenSymbol:
			return s, nil
		case p.token.text == ".":
			if err = p.advance(); err == nil {
				s, err = p.invocation(s)
			}
		case p.token.text == "[":
			s, err = p.indexer(s)
		default:
			return s, nil
		}
	}
	return nil, err
}

func (p *parser) indexer(input *syntax) (*syntax, error) {
	s := &syntax{kind: indexerSyntax, offset: p.token.offset, text: "[]"}
	if err := p.advance(); err != nil {
		return nil, err
	}
	index, err := p.expression(0)
	if err != nil {
		return nil, err
	}
	s.operands = []*syntax{input, index}
	return s, p.expect("]")
}
