package fhirpath

import "slices"

// function is a function with the number of its arguments and what builds its node.
type function struct {
	name     string
	op       operation
	min, max int
	build    func(c *compiler, n *node, s *syntax, this static) error
}

// functions returns the supported functions. It is no variable, since building where()
// compiles other functions.
func functions() []function {
	return []function{
		{"where", opWhere, 1, 1, (*compiler).where},
		{"exists", opExists, 0, 1, (*compiler).exists},
		{"empty", opEmpty, 0, 0, (*compiler).boolean},
		{"not", opNot, 0, 0, (*compiler).not},
		{"first", opFirst, 0, 0, (*compiler).first},
		{"ofType", opOfType, 1, 1, (*compiler).ofType},
		{"extension", opExtension, 1, 1, (*compiler).extension},
		{"join", opJoin, 0, 1, (*compiler).join},
		{"lowBoundary", opLowBoundary, 0, 1, (*compiler).boundary},
		{"highBoundary", opHighBoundary, 0, 1, (*compiler).boundary},
		{"getResourceKey", opResourceKey, 0, 0, (*compiler).resourceKey},
		{"getReferenceKey", opReferenceKey, 0, 1, (*compiler).referenceKey},
	}
}

// call builds a function.
func (c *compiler) call(s *syntax, this static) (*node, error) {
	all := functions()
	i := slices.IndexFunc(all, func(f function) bool { return f.name == s.text })
	if i < 0 {
		return nil, mistake(s.offset, "function %s() is not supported", s.text)
	}
	f := all[i]
	if got := len(s.arguments); got < f.min || got > f.max {
		return nil, mistake(s.offset, "function %s() has %d arguments, it takes %s", f.name, got, argumentCount(f))
	}
	input, err := c.compile(s.operands[0], this)
	if err != nil {
		return nil, err
	}
	n := &node{op: f.op, name: f.name + "()", left: input}
	return n, f.build(c, n, s, this)
}

func argumentCount(f function) string {
	switch {
	case f.max == 0:
		return "none"
	case f.min == 0:
		return "at most 1"
	}
	return "1"
}

// argument compiles an argument that is evaluated once, not for each item.
func (c *compiler) argument(n *node, s *syntax, this static, accepts class, name string) (err error) {
	if len(s.arguments) == 0 {
		return nil
	}
	if n.right, err = c.compile(s.arguments[0], this); err != nil {
		return err
	}
	if !n.right.can(func(t *typ) bool { return t.class == accepts }) {
		return mistake(s.arguments[0].offset, "the argument of %s must be %s, got %s", n.name, name, n.right.describe())
	}
	return nil
}

func (c *compiler) where(n *node, s *syntax, _ static) (err error) {
	n.static = n.left.static
	c.criteria++
	defer func() { c.criteria-- }()
	if n.right, err = c.compile(s.arguments[0], n.left.static); err != nil {
		return err
	}
	c.escape(n.right)
	return nil
}

func (c *compiler) exists(n *node, s *syntax, this static) error {
	if len(s.arguments) > 0 {
		if err := c.where(n, s, this); err != nil {
			return err
		}
	}
	return c.boolean(n, s, this)
}

func (c *compiler) boolean(n *node, _ *syntax, _ static) error {
	n.static = one(systemBoolean)
	return nil
}

func (c *compiler) not(n *node, s *syntax, this static) error {
	c.escape(n.left)
	return c.boolean(n, s, this)
}

func (c *compiler) first(n *node, _ *syntax, _ static) error {
	n.static = n.left.static
	return nil
}

// ofType builds a filter by type. A step to a choice element before it is narrowed, so that
// it does not look for other types.
func (c *compiler) ofType(n *node, s *syntax, _ static) (err error) {
	if n.typ, err = c.typeArgument(s.arguments[0]); err != nil {
		return err
	}
	n.static = static{focus: n.left.focus}
	for _, t := range n.left.types {
		if t.isA(n.typ) {
			n.types = append(n.types, t)
		}
	}
	if len(n.types) == 0 {
		n.types = []*typ{n.typ}
	}
	if from := n.left; from.op == opElement && from.element != nil {
		from.element = from.element.only(n.typ)
	}
	return nil
}

func (c *compiler) extension(n *node, s *syntax, this static) error {
	n.static = one(c.schema.extension)
	if n.left.focus {
		c.read("extension")
	}
	return c.argument(n, s, this, stringClass, "a String")
}

func (c *compiler) join(n *node, s *syntax, this static) error {
	n.static = one(systemString)
	c.escape(n.left)
	if !n.left.can(func(t *typ) bool { return t.class == stringClass }) {
		return mistake(s.offset, "join() needs strings, got %s", n.left.describe())
	}
	return c.argument(n, s, this, stringClass, "a String")
}

// boundary builds lowBoundary() and highBoundary(). For a Period, they apply to its start
// and its end.
func (c *compiler) boundary(n *node, s *syntax, this static) error {
	c.escape(n.left)
	n.static = static{untyped: n.left.untyped}
	for _, t := range n.left.types {
		if bounded := c.boundedAs(t); bounded != nil && !slices.Contains(n.types, bounded) {
			n.types = append(n.types, bounded)
		}
	}
	if len(n.types) == 0 && len(n.left.types) > 0 {
		return mistake(s.offset, "%s needs a decimal, date, dateTime, time or Period, got %s", n.name, n.left.describe())
	}
	return c.argument(n, s, this, integerClass, "an Integer")
}

// boundedAs returns the type of the boundaries of a type; nil if it has none.
func (c *compiler) boundedAs(t *typ) *typ {
	switch t.class {
	case integerClass:
		return systemDecimal
	case decimalClass, dateClass, dateTimeClass, timeClass:
		return t
	}
	if t.name == "Period" {
		return c.schema.dateTime
	}
	return nil
}

func (c *compiler) resourceKey(n *node, s *syntax, _ static) error {
	n.static = one(systemString)
	if n.left.focus {
		c.read("id")
	}
	if !n.left.can(func(t *typ) bool { return t.resource }) || n.left.op == opThis && n.left.focus && !c.scope.AtRoot {
		return mistake(s.offset, "getResourceKey() is for the resource only, got %s", n.left.describe())
	}
	return nil
}

func (c *compiler) referenceKey(n *node, s *syntax, _ static) (err error) {
	n.static = one(systemString)
	if n.left.focus {
		c.read("reference")
	}
	if !n.left.can(func(t *typ) bool { return t.name == "Reference" }) {
		return mistake(s.offset, "getReferenceKey() needs a Reference, got %s", n.left.describe())
	}
	if len(s.arguments) == 0 {
		return nil
	}
	if n.typ, err = c.typeArgument(s.arguments[0]); err != nil {
		return err
	}
	if !n.typ.resource {
		return mistake(s.arguments[0].offset, "the argument of getReferenceKey() must be a resource type, got %s", n.typ.name)
	}
	return nil
}
