package fhirpath

// operators are the supported operators with two operands.
var operators = map[string]operation{
	"=": opEqual, "!=": opNotEqual,
	"<": opLess, "<=": opLessOrEqual, ">": opGreater, ">=": opGreaterOrEqual,
	"and": opAnd, "or": opOr,
	"+": opAdd, "-": opSubtract, "*": opMultiply, "/": opDivide,
}

// binary builds an operator with two operands.
func (c *compiler) binary(s *syntax, this static) (*node, error) {
	op, ok := operators[s.text]
	if !ok {
		return nil, mistake(s.offset, "operator %q is not supported", s.text)
	}
	n := &node{op: op, name: "operator " + s.text}
	var err error
	if n.left, err = c.compile(s.operands[0], this); err != nil {
		return nil, err
	}
	if n.right, err = c.compile(s.operands[1], this); err != nil {
		return nil, err
	}
	c.escape(n.left)
	c.escape(n.right)
	switch op {
	case opAdd, opSubtract, opMultiply, opDivide:
		return n, c.arithmetic(n, s)
	case opLess, opLessOrEqual, opGreater, opGreaterOrEqual:
		if !anyPair(n, class.comparable) {
			return nil, mistake(s.offset, "%s cannot compare %s with %s", n.name, n.left.describe(), n.right.describe())
		}
	}
	n.static = one(systemBoolean)
	return n, nil
}

// anyPair reports whether the operands can have types that an operator accepts.
func anyPair(n *node, accepts func(a, b class) bool) bool {
	return n.left.can(func(a *typ) bool {
		return n.right.can(func(b *typ) bool { return accepts(a.class, b.class) })
	})
}

// arithmetic sets the type of the result of + - * /.
func (c *compiler) arithmetic(n *node, s *syntax) error {
	integers := func(a, b class) bool { return a == integerClass && b == integerClass }
	numbers := func(a, b class) bool { return a.isNumber() && b.isNumber() }
	texts := func(a, b class) bool { return n.op == opAdd && a == stringClass && b == stringClass }
	if anyPair(n, texts) {
		n.types = append(n.types, systemString)
	}
	if n.op != opDivide && anyPair(n, integers) {
		n.types = append(n.types, c.integerType(n))
	}
	if anyPair(n, func(a, b class) bool { return numbers(a, b) && (n.op == opDivide || !integers(a, b)) }) {
		n.types = append(n.types, systemDecimal)
	}
	if len(n.types) == 0 {
		return mistake(s.offset, "%s cannot combine %s with %s", n.name, n.left.describe(), n.right.describe())
	}
	return nil
}

// integerType returns the type of the result for Integers: integer64 if an operand is one.
func (c *compiler) integerType(n *node) *typ {
	for _, operand := range []*node{n.left, n.right} {
		for _, t := range operand.types {
			if t == c.schema.integer64 {
				return t
			}
		}
	}
	return systemInteger
}

// unary builds the sign of a number. That of a literal becomes part of it.
func (c *compiler) unary(s *syntax, this static) (*node, error) {
	if s.text != "-" {
		return nil, mistake(s.offset, "operator %q before a value is not supported", s.text)
	}
	operand, err := c.compile(s.operands[0], this)
	if err != nil {
		return nil, err
	}
	c.escape(operand)
	if operand.op == opLiteral && operand.literal.typ == systemQuantity {
		operand.literal.text = negateQuantity(operand.literal.text)
		return operand, nil
	}
	if !operand.can(func(t *typ) bool { return t.class.isNumber() }) {
		return nil, mistake(s.offset, "operator - needs a number, got %s", operand.describe())
	}
	n := &node{op: opNegate, name: "operator -", left: operand}
	for _, t := range operand.types {
		switch {
		case t.class == integerClass && t != c.schema.integer64:
			t = systemInteger
		case t.class == decimalClass:
			t = systemDecimal
		case t.class != integerClass:
			continue
		}
		n.types = append(n.types, t)
	}
	n.untyped = operand.untyped
	return n, nil
}
