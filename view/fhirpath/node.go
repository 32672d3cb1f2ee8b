package fhirpath

import (
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
	many    bool   // there can be more than one item
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
