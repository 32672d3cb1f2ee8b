package content

import (
	"cmp"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"slices"
	"strings"
)

// maxTexts is how many different issues are counted by their text; maxText is the length
// of a text in runes. Servers write ids into texts, so that there may be very many.
const (
	maxTexts = 200
	maxText  = 300
)

// Issue is an issue of OperationOutcomes, without what differs between resources.
type Issue struct{ Severity, Text string }

// Issues counts issues by severity and text. The zero value is ready to use.
type Issues struct {
	counts map[Issue]int64
}

// otherText is the text of issues beyond maxTexts.
const otherText = "other issues"

// Count adds issues.
func (c *Issues) Count(issue Issue, n int64) {
	if c.counts == nil {
		c.counts = map[Issue]int64{}
	}
	if _, known := c.counts[issue]; !known && len(c.counts) >= maxTexts {
		issue.Text = otherText
	}
	c.counts[issue] += n
}

// Merge adds the issues of another count.
func (c *Issues) Merge(other *Issues) {
	for issue, n := range other.counts {
		c.Count(issue, n)
	}
}

// Each calls f with each issue and its number, the most severe and frequent first.
func (c *Issues) Each(f func(Issue, int64)) {
	issues := make([]Issue, 0, len(c.counts))
	for issue := range c.counts {
		issues = append(issues, issue)
	}
	slices.SortFunc(issues, func(a, b Issue) int {
		return cmp.Or(cmp.Compare(Rank(b.Severity), Rank(a.Severity)), cmp.Compare(c.counts[b], c.counts[a]), cmp.Compare(a.Text, b.Text))
	})
	for _, issue := range issues {
		f(issue, c.counts[issue])
	}
}

// The ranks of severities.
const (
	Informative = iota
	Warning
	Error
)

// Rank returns the rank of a severity. Unknown ones are errors.
func Rank(severity string) int {
	switch severity {
	case "information", "success":
		return Informative
	case "warning":
		return Warning
	}
	return Error
}

// Read adds the issues of a file of OperationOutcomes.
func (c *Issues) Read(r io.Reader) error {
	plain, err := Plain(r)
	if err != nil {
		return err
	}
	decoder := json.NewDecoder(plain)
	for {
		var outcome struct{ Issue []issue }
		err := decoder.Decode(&outcome)
		if errors.Is(err, io.EOF) {
			return nil
		}
		if err != nil {
			return fmt.Errorf("invalid JSON: %w", err)
		}
		for _, issue := range outcome.Issue {
			c.Count(Issue{Severity: cmp.Or(issue.Severity, "error"), Text: issue.text()}, 1)
		}
	}
}

// issue is an issue of an OperationOutcome.
type issue struct {
	Severity, Code, Diagnostics string
	Details                     struct {
		Text   string
		Coding []struct{ Code, Display string }
	}
}

// text returns the first text that the issue has, on one line.
func (i issue) text() string {
	text := cmp.Or(i.Details.Text, i.Diagnostics)
	for _, coding := range i.Details.Coding {
		text = cmp.Or(text, coding.Display, coding.Code)
	}
	text = strings.Join(strings.Fields(cmp.Or(text, i.Code, "no details")), " ")
	if runes := []rune(text); len(runes) > maxText {
		text = string(runes[:maxText]) + "…"
	}
	return text
}
