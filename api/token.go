package api

import (
	"cmp"
	"errors"
	"io"
	"mime"
	"net/http"
	"net/url"
	"strconv"
	"time"

	"github.com/gin-gonic/gin"

	"github.com/seed-90096f4d/sluice/api/endpoint"
	"github.com/seed-90096f4d/sluice/audit"
	"github.com/seed-90096f4d/sluice/auth"
)

const (
	grantClientCredentials = "client_credentials"
	assertionJWT           = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

	// maxTokenRequest bounds the body of a token request, in bytes.
	maxTokenRequest = 16 << 10
)

// oauthError is an answer of the token endpoint that refuses (RFC 6749, 5.2).
type oauthError struct {
	status     int
	code       string
	text       string
	retryAfter time.Duration
	cause      error
}

func (e *oauthError) Error() string { return e.text }
func (e *oauthError) Unwrap() error { return e.cause }

func badTokenRequest(text string) *oauthError {
	return &oauthError{status: http.StatusBadRequest, code: auth.InvalidRequest, text: text}
}

// token answers POST /auth/token: an access token for a signed assertion (SMART
// App Launch 2.2, "Backend Services").
func (a *API) token(c *gin.Context, event *audit.Event) error {
	given, err := a.exchange(c)
	c.Header("Pragma", "no-cache") // beside the Cache-Control of all answers
	if err != nil {
		refuseToken(c, event, err)
		return nil
	}
	event.Client = given.ClientID
	endpoint.WriteJSON(c, http.StatusOK, "application/json", gin.H{
		"access_token": given.Value,
		"token_type":   "bearer",
		"expires_in":   int(given.Life.Seconds()),
		"scope":        given.Scopes.String(),
	})
	return nil
}

// exchange reads the request and asks for the token.
func (a *API) exchange(c *gin.Context) (auth.Token, error) {
	form, err := readForm(c)
	if err != nil {
		return auth.Token{}, err
	}
	switch {
	case form.Get("grant_type") == "":
		return auth.Token{}, badTokenRequest("grant_type is missing")
	case form.Get("grant_type") != grantClientCredentials:
		return auth.Token{}, &oauthError{status: http.StatusBadRequest, code: "unsupported_grant_type", text: "grant_type is " + grantClientCredentials}
	case c.GetHeader("Authorization") != "" || form.Has("client_secret"):
		return auth.Token{}, &oauthError{status: http.StatusUnauthorized, code: auth.InvalidClient, text: "a token is given for a client_assertion alone; a secret needs none, by HTTP Basic"}
	case form.Get("client_assertion_type") != assertionJWT:
		return auth.Token{}, badTokenRequest("client_assertion_type is " + assertionJWT)
	case form.Get("client_assertion") == "":
		return auth.Token{}, badTokenRequest("client_assertion is missing")
	case form.Get("scope") == "":
		return auth.Token{}, &oauthError{status: http.StatusBadRequest, code: auth.InvalidScope, text: "scope is missing, such as system/*.rs"}
	}
	return a.tryAssertion(c, auth.Exchange{
		Assertion: form.Get("client_assertion"),
		Audiences: []string{a.tokenURL()},
		ClientID:  form.Get("client_id"),
		Scopes:    form.Get("scope"),
		Standard:  a.types.Has,
	})
}

// tryAssertion asks for the token, unless there were too many assertions that
// were not believed: from the address, or in the name of the client.
func (a *API) tryAssertion(c *gin.Context, exchange auth.Exchange) (auth.Token, error) {
	begun, wait := a.attempts.begin(auth.ClaimedBy(exchange.Assertion), c.ClientIP(), exchange.Assertion)
	if wait > 0 {
		return auth.Token{}, &oauthError{
			status: http.StatusTooManyRequests, code: "temporarily_unavailable",
			text: "there were too many wrong credentials", retryAfter: wait,
		}
	}
	given, err := a.config.Tokens.Exchange(c.Request.Context(), exchange)
	var refused *auth.GrantError
	switch {
	case err == nil:
		begun.succeeded()
	case errors.As(err, &refused) && refused.Code == auth.InvalidClient:
		begun.failed()
	default:
		begun.undecided()
	}
	return given, err
}

// readForm reads the parameters of the body. None may stand twice (RFC 6749,
// 3.2), and none is taken from the address, which ends up in logs.
func readForm(c *gin.Context) (url.Values, error) {
	contentType, _, _ := mime.ParseMediaType(c.ContentType())
	if contentType != "application/x-www-form-urlencoded" {
		return nil, badTokenRequest("the body is application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxTokenRequest))
	if err != nil {
		return nil, badTokenRequest("the body did not come whole and in time, or is too long")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, badTokenRequest("the body can't be read: it is not percent-encoded as a form wants it")
	}
	for _, values := range form {
		if len(values) > 1 {
			return nil, badTokenRequest("a parameter is given more than once")
		}
	}
	return form, nil
}

// refuseToken answers with the error.
func refuseToken(c *gin.Context, event *audit.Event, err error) {
	var refused *oauthError
	var grant *auth.GrantError
	switch {
	case errors.As(err, &refused):
	case errors.As(err, &grant):
		event.Client = grant.ClientID
		refused = &oauthError{status: http.StatusBadRequest, code: grant.Code, text: grant.Text, cause: grant.Cause}
		if grant.Code == auth.InvalidClient {
			refused.status = http.StatusUnauthorized
		}
	default:
		refused = &oauthError{
			status: http.StatusServiceUnavailable, code: "temporarily_unavailable",
			text: "the server can't give tokens now; its log has the details", retryAfter: 10 * time.Second, cause: err,
		}
	}
	_ = c.Error(cmp.Or[error](refused.cause, refused)) // for the log
	if refused.retryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(endpoint.Seconds(refused.retryAfter)))
	}
	endpoint.WriteJSON(c, refused.status, "application/json", gin.H{"error": refused.code, "error_description": refused.text})
}
