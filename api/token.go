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
	"github.com/seed-90096f4d/sluice/auth/smart"
)

const (
	grantClientCredentials = "client_credentials"
	assertionJWT           = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

	// maxTokenRequestBytes is the maximum size of the body of a token request.
	maxTokenRequestBytes = 16 << 10
)

// oauthError is an error response of the token endpoint (RFC 6749, 5.2).
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
	return &oauthError{status: http.StatusBadRequest, code: smart.InvalidRequest, text: text}
}

// issue answers POST /auth/token with an access token for a signed assertion (SMART
// App Launch 2.2, "Backend Services").
func (e *tokenEndpoint) issue(c *gin.Context, event *audit.Event) error {
	c.Header("Pragma", "no-cache") // in addition to the Cache-Control of all responses
	request, err := e.parse(c)
	if err != nil {
		rejectTokenRequest(c, event, err)
		return nil
	}
	token, err := e.exchange(c, request)
	if err != nil {
		rejectTokenRequest(c, event, err)
		return nil
	}
	event.Client = token.ClientID
	endpoint.WriteJSON(c, http.StatusOK, "application/json", gin.H{
		"access_token": token.Value,
		"token_type":   "bearer",
		"expires_in":   int(token.TTL.Seconds()),
		"scope":        token.Scopes.String(),
	})
	return nil
}

// parse reads and checks the parameters of a token request.
func (e *tokenEndpoint) parse(c *gin.Context) (smart.Request, error) {
	form, err := readForm(c)
	if err != nil {
		return smart.Request{}, err
	}
	switch {
	case form.Get("grant_type") == "":
		return smart.Request{}, badTokenRequest("grant_type is missing")
	case form.Get("grant_type") != grantClientCredentials:
		return smart.Request{}, &oauthError{status: http.StatusBadRequest, code: "unsupported_grant_type", text: "grant_type must be " + grantClientCredentials}
	case c.GetHeader("Authorization") != "" || form.Has("client_secret"):
		return smart.Request{}, &oauthError{status: http.StatusUnauthorized, code: smart.InvalidClient, text: "a token requires a client_assertion; a client with a secret needs no token (HTTP Basic)"}
	case form.Get("client_assertion_type") != assertionJWT:
		return smart.Request{}, badTokenRequest("client_assertion_type must be " + assertionJWT)
	case form.Get("client_assertion") == "":
		return smart.Request{}, badTokenRequest("client_assertion is missing")
	case form.Get("scope") == "":
		return smart.Request{}, &oauthError{status: http.StatusBadRequest, code: smart.InvalidScope, text: "scope is missing, for example system/*.rs"}
	}
	return smart.Request{
		Assertion:  form.Get("client_assertion"),
		Audience:   e.url(),
		ClientID:   form.Get("client_id"),
		Scopes:     form.Get("scope"),
		IsStandard: e.types.Has,
	}, nil
}

// exchange issues a token for an assertion. Failures are limited per address only:
// a signature cannot be guessed, and anyone can send assertions that name a client,
// which must not lock it out.
func (e *tokenEndpoint) exchange(c *gin.Context, request smart.Request) (smart.Token, error) {
	address := c.ClientIP()
	if wait := e.logins.Take("", address); wait > 0 {
		return smart.Token{}, &oauthError{
			status: http.StatusTooManyRequests, code: "temporarily_unavailable",
			text: "too many failed logins", retryAfter: wait,
		}
	}
	token, err := e.tokens.Exchange(c.Request.Context(), request)
	var rejected *smart.GrantError
	if !errors.As(err, &rejected) || rejected.Code != smart.InvalidClient {
		e.logins.Refund("", address)
	}
	return token, err
}

// readForm reads the parameters in the body. None may be repeated (RFC 6749, 3.2),
// and none is read from the URL, which ends up in logs.
func readForm(c *gin.Context) (url.Values, error) {
	contentType, _, _ := mime.ParseMediaType(c.ContentType())
	if contentType != "application/x-www-form-urlencoded" {
		return nil, badTokenRequest("the content type must be application/x-www-form-urlencoded")
	}
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxTokenRequestBytes))
	if err != nil {
		return nil, badTokenRequest("the body is incomplete, too slow or too long")
	}
	form, err := url.ParseQuery(string(body))
	if err != nil {
		return nil, badTokenRequest("the body is not a valid form: invalid percent-encoding")
	}
	for _, values := range form {
		if len(values) > 1 {
			return nil, badTokenRequest("repeated parameter")
		}
	}
	return form, nil
}

// rejectTokenRequest answers with the error.
func rejectTokenRequest(c *gin.Context, event *audit.Event, err error) {
	var response *oauthError
	var grant *smart.GrantError
	switch {
	case errors.As(err, &response):
	case errors.As(err, &grant):
		event.Client = grant.ClientID
		response = &oauthError{status: http.StatusBadRequest, code: grant.Code, text: grant.Text, cause: grant.Cause}
		if grant.Code == smart.InvalidClient {
			response.status = http.StatusUnauthorized
		}
	default:
		response = &oauthError{
			status: http.StatusServiceUnavailable, code: "temporarily_unavailable",
			text: "the server cannot issue tokens at the moment; its log has the details", retryAfter: 10 * time.Second, cause: err,
		}
	}
	_ = c.Error(cmp.Or[error](response.cause, response)) // for the log
	if response.retryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(endpoint.Seconds(response.retryAfter)))
	}
	endpoint.WriteJSON(c, response.status, "application/json", gin.H{"error": response.code, "error_description": response.text})
}
