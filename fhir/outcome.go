package fhir

// OperationOutcome is FHIR's resource of that name, as far as Sluice tells
// anything by it: in its answers, and in the files of exports.
type OperationOutcome struct {
	ResourceType string         `json:"resourceType"`
	Issue        []OutcomeIssue `json:"issue"`
}

// OutcomeIssue is one thing that an OperationOutcome tells. Severity and Code
// are from FHIR's value sets issue-severity and issue-type.
type OutcomeIssue struct {
	Severity    string   `json:"severity"`
	Code        string   `json:"code"`
	Diagnostics string   `json:"diagnostics"`
	Expression  []string `json:"expression,omitempty"`
}

// NewOutcome returns an OperationOutcome of these issues, one at least.
func NewOutcome(issues ...OutcomeIssue) OperationOutcome {
	return OperationOutcome{ResourceType: "OperationOutcome", Issue: issues}
}
