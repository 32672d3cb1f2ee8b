package view

import (
	"cmp"
	"fmt"
	"slices"
)

// maxFindings bounds the findings of a ViewDefinition.
const maxFindings = 1000

// findings collects what is wrong with a ViewDefinition.
type findings struct{ list []located }

// located is a finding and its position in bytes.
type located struct {
	at   *node
	text string
}

// add records a finding.
func (f *findings) add(at *node, format string, args ...any) {
	f.list = append(f.list, located{at, fmt.Sprintf(format, args...)})
}

// err returns the findings as an *InvalidError in the order of the document, or nil without
// findings.
func (f *findings) err() error {
	if len(f.list) == 0 {
		return nil
	}
	slices.SortStableFunc(f.list, func(a, b located) int { return cmp.Compare(a.at.offset, b.at.offset) })
	e := &InvalidError{}
	for i, l := range f.list {
		if i == maxFindings {
			e.Findings = append(e.Findings, Finding{Text: fmt.Sprintf("%d more findings", len(f.list)-i)})
			break
		}
		e.Findings = append(e.Findings, Finding{l.at.path(), l.text})
	}
	return e
}
