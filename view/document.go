package view

import (
	"bytes"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"strconv"
	"strings"
)

// maxDepth is the maximum depth of a ViewDefinition in objects and arrays. It bounds the
// depth of selects, and with it every recursion over a view.
const maxDepth = 100

// maxValues is the maximum number of values of a ViewDefinition that are interpreted. It
// bounds the memory of the nodes to a few times the size of the document.
const maxValues = 100_000

// node is a value of a ViewDefinition that knows its position. Unlike a map, it keeps the
// order of its members.
type node struct {
	kind    nodeKind
	text    string  // of a string, number or boolean
	members []*node // of an object, each with a name
	items   []*node // of an array

	parent *node
	name   string // the name of a member
	index  int    // the index of an item; -1 for a member
	offset int64  // behind the first token of the value
}

type nodeKind uint8

const (
	nullNode nodeKind = iota
	booleanNode
	numberNode
	stringNode
	arrayNode
	objectNode
)

func (k nodeKind) String() string {
	return [...]string{"null", "a boolean", "a number", "a string", "an array", "an object"}[k]
}

// parseDocument parses a ViewDefinition.
func parseDocument(document []byte) (*node, *Finding) {
	d := &decoder{Decoder: json.NewDecoder(bytes.NewReader(document))}
	d.UseNumber()
	root := &node{index: -1}
	if finding := d.value(root, 0); finding != nil {
		return nil, finding
	}
	if _, err := d.Token(); !errors.Is(err, io.EOF) {
		return nil, &Finding{Text: "invalid JSON: text after the end of the ViewDefinition"}
	}
	if root.kind != objectNode {
		return nil, &Finding{Text: fmt.Sprintf("a ViewDefinition must be an object, got %s", root.kind)}
	}
	return root, nil
}

type decoder struct {
	*json.Decoder
	values int // that are nodes
}

// token reads the next token of the value of n, or of the name of a member of it.
func (d *decoder) token(n *node) (json.Token, *Finding) {
	token, err := d.Token()
	if err != nil {
		return nil, invalidJSON(n, err)
	}
	if text, ok := token.(string); ok && strings.ContainsAny(text, "\x00\uFFFD") {
		return nil, &Finding{n.path(), "not a string of FHIR: it contains U+0000 or is not valid Unicode"}
	}
	if n.offset == 0 {
		n.offset = d.InputOffset()
	}
	return token, nil
}

// value reads the next value into n.
func (d *decoder) value(n *node, depth int) *Finding {
	if finding := d.count(n, depth); finding != nil {
		return finding
	}
	token, finding := d.token(n)
	if finding != nil {
		return finding
	}
	switch token := token.(type) {
	case bool:
		n.kind, n.text = booleanNode, strconv.FormatBool(token)
	case json.Number:
		n.kind, n.text = numberNode, token.String()
	case string:
		n.kind, n.text = stringNode, token
	case json.Delim:
		if token == '{' {
			return d.object(n, depth)
		}
		return d.array(n, depth)
	}
	return nil
}

func (d *decoder) object(n *node, depth int) *Finding {
	n.kind = objectNode
	for d.More() {
		name, finding := d.token(n)
		if finding != nil {
			return finding
		}
		member := &node{parent: n, name: name.(string), index: -1}
		read := d.value
		if !isInterpreted(member.name) {
			read = d.skip
		}
		if finding := read(member, depth+1); finding != nil {
			return finding
		}
		n.members = append(n.members, member)
	}
	return d.closing(n)
}

func (d *decoder) array(n *node, depth int) *Finding {
	n.kind = arrayNode
	for d.More() {
		item := &node{parent: n, index: len(n.items)}
		if finding := d.value(item, depth+1); finding != nil {
			return finding
		}
		n.items = append(n.items, item)
	}
	return d.closing(n)
}

// closing reads the closing bracket of n.
func (d *decoder) closing(n *node) *Finding {
	_, finding := d.token(n)
	return finding
}

// skip reads the next value, which is not interpreted, without nodes.
func (d *decoder) skip(n *node, depth int) *Finding {
	if finding := d.count(n, depth); finding != nil {
		return finding
	}
	for open := 0; ; {
		token, finding := d.token(n)
		if finding != nil {
			return finding
		}
		switch token {
		case json.Delim('{'), json.Delim('['):
			open++
		case json.Delim('}'), json.Delim(']'):
			open--
		}
		if open == 0 {
			return nil
		}
		if finding := checkDepth(n, depth+open); finding != nil {
			return finding
		}
	}
}

// count counts a node at a depth.
func (d *decoder) count(n *node, depth int) *Finding {
	if d.values++; d.values > maxValues {
		return &Finding{n.path(), fmt.Sprintf("too many values; the maximum is %d, without metadata", maxValues)}
	}
	return checkDepth(n, depth)
}

func checkDepth(n *node, depth int) *Finding {
	if depth > maxDepth {
		return &Finding{n.path(), fmt.Sprintf("nested too deeply; the maximum is %d levels", maxDepth)}
	}
	return nil
}

func invalidJSON(n *node, err error) *Finding {
	if errors.Is(err, io.EOF) || errors.Is(err, io.ErrUnexpectedEOF) {
		return &Finding{n.path(), "invalid JSON: unexpected end"}
	}
	return &Finding{n.path(), "invalid JSON: " + err.Error()}
}

// path returns the position of the node: select[1].column[0].path. It is empty for the root.
func (n *node) path() string {
	switch {
	case n.parent == nil:
		return ""
	case n.index >= 0:
		return fmt.Sprintf("%s[%d]", n.parent.path(), n.index)
	case n.parent.parent == nil:
		return shorten(n.name)
	}
	return n.parent.path() + "." + shorten(n.name)
}

// member returns the member with a name, or nil.
func (n *node) member(name string) *node {
	for _, m := range n.members {
		if m.name == name {
			return m
		}
	}
	return nil
}

// missing returns a node in place of a member that does not exist, as the position of a
// finding.
func (n *node) missing(name string) *node {
	return &node{parent: n, name: name, index: -1, offset: n.offset}
}
