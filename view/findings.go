package view

import (
	"cmp"
	"fmt"
	"slices"
	"strconv"
	"strings"
)

// The limits of the findings of a ViewDefinition. Later ones are only counted.
const (
	maxFindings     = 1000
	maxFindingBytes = 256 << 10
)

// findings collects what is wrong with a ViewDefinition.
type findings struct {
	list  []located
	bytes int // of the list
	more  int // that are not in the list
}

// located is a finding and its position in bytes.
type located struct {
	offset int64
	Finding
}

// add records a finding.
func (f *findings) add(at *node, format string, args ...any) {
	if len(f.list) == maxFindings || f.bytes >= maxFindingBytes {
		f.more++
		return
	}
	finding := Finding{at.path(), fmt.Sprintf(format, args...)}
	f.bytes += len(finding.Path) + len(finding.Text)
	f.list = append(f.list, located{at.offset, finding})
}

// err returns the findings as an *InvalidError in the order of the document, or nil without
// findings.
func (f *findings) err() error {
	if len(f.list) == 0 {
		return nil
	}
	slices.SortStableFunc(f.list, func(a, b located) int { return cmp.Compare(a.offset, b.offset) })
	e := &InvalidError{}
	for _, l := range f.list {
		e.Findings = append(e.Findings, l.Finding)
	}
	if f.more > 0 {
		e.Findings = append(e.Findings, Finding{Text: fmt.Sprintf("%d more findings", f.more)})
	}
	return e
}

// quote quotes a value of a ViewDefinition for a finding.
func quote(value string) string { return strconv.Quote(shorten(value)) }

// shorten cuts a text of a ViewDefinition for a finding.
func shorten(text string) string {
	const most = 100
	if len(text) <= most {
		return text
	}
	return strings.ToValidUTF8(text[:most], "") + "…"
}
