package smart

// The codes of a GrantError (RFC 6749, 5.2).
const (
	InvalidClient  = "invalid_client"
	InvalidRequest = "invalid_request"
	InvalidScope   = "invalid_scope"
)

// GrantError is returned when a client cannot get an access token.
type GrantError struct {
	// Code is an error code of OAuth.
	Code string

	// Text is for the developer of the client. It does not reveal whether the
	// client exists.
	Text string

	// ClientID is the client that was named, if it exists. It is for the log.
	ClientID string

	// Cause is for the log; it may be nil.
	Cause error
}

func (e *GrantError) Error() string { return e.Text }
func (e *GrantError) Unwrap() error { return e.Cause }

// badAssertion rejects an assertion for something that does not depend on the
// client.
func badAssertion(text string) *GrantError {
	return &GrantError{Code: InvalidClient, Text: text}
}
