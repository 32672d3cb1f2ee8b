package fhirpath

import (
	"math"
	"slices"
	"strings"
)

type operation uint8

const (
	opLiteral   operation = iota
	opNothing             // {}
	opThis                // $this
	opItemIndex           // $index
	opRowIndex            // %rowIndex
	opElement             // a step of a path
	opTypeName            // a first step that is the name of a type
	opIndexer
	opWhere
	opExists // with a criterion or without
	opEmpty
	opNot
	opFirst
	opOfType
	opExtension
	opJoin
	opLowBoundary
	opHighBoundary
	opResourceKey
	opReferenceKey
	opEqual
	opNotEqual
	opLess
	opLessOrEqual
	opGreater
	opGreaterOrEqual
	opAnd
	opOr
	opAdd
	opSubtract
	opMultiply
	opDivide
	opNegate
)

// static is what is known of a collection before there is a resource.
type static struct {
	types   []*typ // that the items can have
	untyped bool   // they can have any type
	focus   bool   // the items can be the focus of the expression
}

// node is an operation of a compiled expression.
type node struct {
	op   operation
	name string // of the element, function or operator
	static

	left  *node // what a function is called on; the first operand
	right *node // the argument; the second operand

	literal Value

	// typ is the type of opOfType, opTypeName and opReferenceKey. Of opElement it is the
	// type that most items have, whose element is element.
	typ     *typ
	element *element
}

// can reports whether an item can be of a type that a function accepts.
func (s *static) can(accepts func(t *typ) bool) bool {
	return s.untyped || len(s.types) == 0 || slices.ContainsFunc(s.types, accepts)
}

// describe returns the names of the types for messages.
func (s *static) describe() string {
	const most = 4
	var names []string
	for i, t := range s.types {
		if i == most {
			names = append(names, "...")
			break
		}
		names = append(names, string(t.name))
	}
	return strings.Join(names, "|")
}

func one(t *typ) static { return static{types: []*typ{t}} }

// compiler checks a syntax tree and builds the nodes of an expression.
type compiler struct {
	scope  Scope
	schema *schema

	reads    []string // elements of the focus
	readsAll bool

	criteria int // that enclose the current node
}

func newCompiler(scope Scope) *compiler {
	return &compiler{scope: scope, schema: schemaOf(scope.Tables)}
}

// focus returns what is known of the item that the expression is evaluated on.
func (c *compiler) focus() static {
	s := static{focus: true}
	for _, name := range append([]Type{c.scope.Focus}, c.scope.OtherFoci...) {
		t := c.schema.types[string(name)]
		if bare, system := strings.CutPrefix(string(name), "System."); system {
			t = c.schema.find("System", bare)
		}
		if t == nil || t.resource && !c.scope.Tables.IsResourceType(string(t.name)) {
			s.untyped = true
			continue
		}
		s.types = append(s.types, t)
	}
	if s.untyped {
		s.types = nil
	}
	return s
}

// read notes that the expression reads an element of its focus.
func (c *compiler) read(name string) {
	if !slices.Contains(c.reads, name) {
		c.reads = append(c.reads, name)
	}
}

// escape notes that the items of n are used as a whole.
func (c *compiler) escape(n *node) { c.readsAll = c.readsAll || n.focus }

// compile builds the node of a syntax tree that is evaluated on this.
func (c *compiler) compile(s *syntax, this static) (*node, error) {
	switch s.kind {
	case literalSyntax:
		return c.literal(s)
	case emptySyntax:
		return &node{op: opNothing, name: s.text}, nil
	case thisSyntax:
		return &node{op: opThis, name: s.text, static: this}, nil
	case indexSyntax:
		if c.criteria == 0 {
			return nil, mistake(s.offset, "$index is defined in the arguments of where() and exists() only")
		}
		return &node{op: opItemIndex, name: s.text, static: one(systemInteger)}, nil
	case variableSyntax:
		return c.variable(s)
	case nameSyntax:
		return c.name(s, this)
	case callSyntax:
		return c.call(s, this)
	case indexerSyntax:
		return c.indexer(s, this)
	case unarySyntax:
		return c.unary(s, this)
	case binarySyntax:
		return c.binary(s, this)
	}
	return nil, mistake(s.offset, "operator %q is not supported, use ofType()", s.text)
}

// literal builds the value of a literal. An Integer has 32 bits; a larger one becomes an
// integer64.
func (c *compiler) literal(s *syntax) (*node, error) {
	v := Value{typ: s.system, text: []byte(s.text), kind: String, decoded: true}
	switch s.system {
	case systemBoolean:
		v.kind = Boolean
	case systemInteger:
		v.kind = Number
		i, ok := parseInteger(v.text)
		if !ok {
			return nil, mistake(s.offset, "the integer %s has more than 64 bits, write it with a decimal point", s.text)
		}
		if i > math.MaxInt32 {
			v.typ = c.schema.integer64
		}
	case systemDecimal:
		v.kind = Number
	case systemQuantity:
		v.kind = Object
	}
	return &node{op: opLiteral, name: s.text, static: one(v.typ), literal: v}, nil
}

// variable builds the value of %name.
func (c *compiler) variable(s *syntax) (*node, error) {
	if s.text == "rowIndex" {
		return &node{op: opRowIndex, name: "%rowIndex", static: one(systemInteger)}, nil
	}
	constant, ok := c.scope.Constants[s.text]
	if !ok {
		return nil, mistake(s.offset, "unknown constant %%%s", s.text)
	}
	v, ok := c.constantValue(constant)
	if !ok {
		return nil, mistake(s.offset, "constant %%%s has no valid value of type %s", s.text, constant.Type)
	}
	return &node{op: opLiteral, name: "%" + s.text, static: one(v.typ), literal: v}, nil
}

// indexer builds input[index].
func (c *compiler) indexer(s *syntax, this static) (*node, error) {
	input, err := c.compile(s.operands[0], this)
	if err != nil {
		return nil, err
	}
	index, err := c.compile(s.operands[1], this)
	if err != nil {
		return nil, err
	}
	if !index.can(func(t *typ) bool { return t.class == integerClass }) {
		return nil, mistake(s.offset, "the index must be an Integer, got %s", index.describe())
	}
	return &node{op: opIndexer, name: "[]", static: input.static, left: input, right: index}, nil
}
