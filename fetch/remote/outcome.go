package remote

import (
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"slices"
	"strings"

	"github.com/seed-90096f4d/sluice/fetch/quote"
)

const (
	maxOutcome   = 1 << 20 // bytes of a body with issues that are read
	maxIssues    = 10
	maxIssueText = 500 // characters
)

// outcome is what a response says about an error.
type outcome struct {
	// issues are sentences for people.
	issues []string
	// isFHIR reports that the body is an OperationOutcome.
	isFHIR bool
	codes  []string
}

// transientCodes are the codes of issues that say that a request may succeed when it is
// repeated (FHIR, IssueType). "exception" is one of them by definition, but is what
// servers report for exports that failed, too.
var transientCodes = []string{"transient", "lock-error", "no-store", "timeout", "incomplete", "throttled"}

func (o outcome) isTransient() bool {
	return slices.ContainsFunc(o.codes, func(code string) bool { return slices.Contains(transientCodes, code) })
}

// issue is the part of an OperationOutcome's issue that is shown.
type issue struct {
	Severity    string `json:"severity"`
	Code        string `json:"code"`
	Diagnostics string `json:"diagnostics"`
	Details     struct {
		Text   string `json:"text"`
		Coding []struct {
			Code    string `json:"code"`
			Display string `json:"display"`
		} `json:"coding"`
	} `json:"details"`
}

// readOutcome reads the body of an error, an OperationOutcome or any text. It hides
// credentials of the request that the server quotes.
func readOutcome(response *http.Response) outcome {
	content, _ := io.ReadAll(io.LimitReader(response.Body, maxOutcome)) // a truncated text is better than none
	line := func(text string) string { return quote.Line(quote.Hide(text, response.Request), maxIssueText) }
	var resource struct {
		ResourceType string  `json:"resourceType"`
		Issue        []issue `json:"issue"`
	}
	if err := json.Unmarshal(content, &resource); err != nil || resource.ResourceType != "OperationOutcome" {
		if text := line(string(content)); text != "" {
			return outcome{issues: []string{text}}
		}
		return outcome{}
	}
	result := outcome{isFHIR: true}
	for i, issue := range resource.Issue {
		result.codes = append(result.codes, issue.Code)
		if i < maxIssues {
			result.issues = append(result.issues, line(issue.sentence()))
		}
	}
	if more := len(resource.Issue) - maxIssues; more > 0 {
		result.issues = append(result.issues, fmt.Sprintf("and %d more issues", more))
	}
	return result
}

// sentence returns the issue as text, such as "error (not-found): no such Group".
func (i issue) sentence() string {
	text := i.Details.Text
	if text == "" && len(i.Details.Coding) > 0 {
		text = i.Details.Coding[0].Display
		if text == "" {
			text = i.Details.Coding[0].Code
		}
	}
	switch {
	case text == "" || strings.Contains(i.Diagnostics, text):
		text = i.Diagnostics
	case i.Diagnostics != "" && !strings.Contains(text, i.Diagnostics):
		text += ": " + i.Diagnostics
	}
	head := i.Severity
	if i.Code != "" {
		head += " (" + i.Code + ")"
	}
	if text == "" {
		return head
	}
	return head + ": " + text
}
