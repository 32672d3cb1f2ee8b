package fhirpath

// truth evaluates a node as a Boolean.
func (e *Evaluator) truth(n *node, f *frame) (truth, error) {
	switch n.op {
	case opAnd, opOr:
		return e.logic(n, f)
	case opNot:
		t, err := e.operandTruth(n, n.left, f)
		return t.not(), err
	case opExists:
		some, err := e.some(n, f)
		return truthOf(some), err
	case opEmpty:
		some, err := e.some(n, f)
		return truthOf(!some), err
	case opEqual, opNotEqual:
		return e.equality(n, f)
	case opLess, opLessOrEqual, opGreater, opGreaterOrEqual:
		return e.order(n, f)
	}
	return e.operandTruth(n, n, f)
}

// operandTruth evaluates an operand of n as a Boolean. A single item that is no Boolean
// counts as true.
func (e *Evaluator) operandTruth(n, operand *node, f *frame) (truth, error) {
	switch operand.op {
	case opAnd, opOr, opNot, opExists, opEmpty, opEqual, opNotEqual, opLess, opLessOrEqual, opGreater, opGreaterOrEqual:
		return e.truth(operand, f)
	}
	v, ok, err := e.single(n, operand, f)
	switch {
	case !ok || err != nil:
		return unknown, err
	case v.kind == Boolean:
		return truthOf(v.IsTrue()), nil
	}
	return isTrue, nil
}

// logic evaluates and, or. One operand can decide the result, even if the other is empty.
func (e *Evaluator) logic(n *node, f *frame) (truth, error) {
	decisive := isFalse
	if n.op == opOr {
		decisive = isTrue
	}
	left, err := e.operandTruth(n, n.left, f)
	if err != nil || left == decisive {
		return left, err
	}
	right, err := e.operandTruth(n, n.right, f)
	if err != nil || right == decisive || left == right {
		return right, err
	}
	return unknown, nil
}

// some reports whether the operand has items, of exists(criterion) those that meet it.
func (e *Evaluator) some(n *node, f *frame) (bool, error) {
	base := len(e.stack)
	if err := e.evaluate(n.left, f); err != nil {
		return false, err
	}
	if n.right != nil {
		if err := e.keep(n, f, base); err != nil {
			return false, err
		}
	}
	some := len(e.stack) > base
	e.stack = e.stack[:base]
	return some, nil
}

// where evaluates where(criterion).
func (e *Evaluator) where(n *node, f *frame) error {
	base := len(e.stack)
	if err := e.evaluate(n.left, f); err != nil {
		return err
	}
	return e.keep(n, f, base)
}

// keep keeps the items of the stack from base that meet the criterion of n.
func (e *Evaluator) keep(n *node, f *frame, base int) error {
	kept, end := base, len(e.stack)
	inner := frame{rowIndex: f.rowIndex}
	for i := base; i < end; i++ {
		inner.this, inner.item = e.stack[i], i-base
		mark := e.Mark()
		t, err := e.operandTruth(n, n.right, &inner)
		e.Release(mark)
		if err != nil {
			return err
		}
		if t == isTrue {
			e.stack[kept] = inner.this
			kept++
		}
	}
	e.stack = e.stack[:kept]
	return nil
}
