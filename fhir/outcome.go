package fhir

// OperationOutcome is FHIR's resource, with the elements that Sluice writes in its
// responses and in the files of exports.
type OperationOutcome struct {
	ResourceType string         `json:"resourceType"`
	Issue        []OutcomeIssue `json:"issue"`
}

// OutcomeIssue is an issue of an OperationOutcome. Severity and Code are codes of
// FHIR's value sets issue-severity and issue-type.
type OutcomeIssue struct {
	Severity    string   `json:"severity"`
	Code        string   `json:"code"`
	Diagnostics string   `json:"diagnostics"`
	Expression  []string `json:"expression,omitempty"`
}

// NewOutcome returns an OperationOutcome. FHIR requires at least one issue.
func NewOutcome(issues ...OutcomeIssue) OperationOutcome {
	return OperationOutcome{ResourceType: "OperationOutcome", Issue: issues}
}
