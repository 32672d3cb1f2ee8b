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
	"github.com/seed-90096f4d/sluice/auth/smart"
)

const (
	grantClientCredentials = "client_credentials"
	assertionJWT           = "urn:ietf:params:oauth:client-assertion-type:jwt-bearer"

	// maxTokenRequestBytes is the maximum size of the body of a token request.
	maxTokenRequestBytes = 16 << 10
)

func badTokenRequest(text string) *smart.GrantError {
	return &smart.GrantError{Code: smart.InvalidRequest, Text: text}
}

// issueToken answers POST /auth/token with an access token for a signed assertion (SMART
// App Launch 2.2, "Backend Services").
func (a *API) issueToken(c *gin.Context, event *audit.Event) error {
	c.Header("Pragma", "no-cache") // in addition to the Cache-Control of all responses
	token, err := a.exchange(c)
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

func (a *API) parseTokenRequest(c *gin.Context) (smart.Request, error) {
	form, err := readForm(c)
	if err != nil {
		return smart.Request{}, err
	}
	switch {
	case form.Get("grant_type") == "":
		return smart.Request{}, badTokenRequest("grant_type is missing")
	case form.Get("grant_type") != grantClientCredentials:
		return smart.Request{}, &smart.GrantError{Code: "unsupported_grant_type", Text: "grant_type must be " + grantClientCredentials}
	case c.GetHeader("Authorization") != "" || form.Has("client_secret"):
		return smart.Request{}, &smart.GrantError{Code: smart.InvalidClient, Text: "a token requires a client_assertion; a client with a secret needs no token (HTTP Basic)"}
	case form.Get("client_assertion_type") != assertionJWT:
		return smart.Request{}, badTokenRequest("client_assertion_type must be " + assertionJWT)
	case form.Get("client_assertion") == "":
		return smart.Request{}, badTokenRequest("client_assertion is missing")
	case form.Get("scope") == "":
		return smart.Request{}, &smart.GrantError{Code: smart.InvalidScope, Text: "scope is missing, for example system/*.rs"}
	}
	return smart.Request{
		Assertion:  form.Get("client_assertion"),
		Audience:   a.tokenURL(),
		ClientID:   form.Get("client_id"),
		Scopes:     form.Get("scope"),
		IsStandard: a.config.ResourceTypes.Has,
	}, nil
}

// exchange issues a token for an assertion. Failures are limited per address only:
// a signature cannot be guessed, and anyone can send assertions that name a client,
// which must not lock it out.
func (a *API) exchange(c *gin.Context) (smart.Token, error) {
	request, err := a.parseTokenRequest(c)
	if err != nil {
		return smart.Token{}, err
	}
	address := c.ClientIP()
	if wait := a.logins.Take("", address); wait > 0 {
		return smart.Token{}, &auth.LimitError{Text: "too many failed logins", RetryAfter: wait}
	}
	token, err := a.config.Tokens.Exchange(c.Request.Context(), request)
	var rejected *smart.GrantError
	if !errors.As(err, &rejected) || rejected.Code != smart.InvalidClient {
		a.logins.Refund("", address)
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

// unavailable is the code of an error that a retry may overcome.
const unavailable = "temporarily_unavailable"

// rejectTokenRequest answers with the error (RFC 6749, 5.2).
func rejectTokenRequest(c *gin.Context, event *audit.Event, err error) {
	status, retryAfter := http.StatusBadRequest, time.Duration(0)
	var grant *smart.GrantError
	var limited *auth.LimitError
	switch {
	case errors.As(err, &limited):
		status, retryAfter = http.StatusTooManyRequests, limited.RetryAfter
		grant = &smart.GrantError{Code: unavailable, Text: limited.Text}
	case !errors.As(err, &grant):
		status, retryAfter = http.StatusServiceUnavailable, 10*time.Second
		grant = &smart.GrantError{Code: unavailable, Text: "the server cannot issue tokens at the moment; its log has the details", Cause: err}
	case grant.Code == smart.InvalidClient:
		status = http.StatusUnauthorized
	}
	event.Client = grant.ClientID
	_ = c.Error(cmp.Or[error](grant.Cause, grant)) // for the log
	if retryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(endpoint.Seconds(retryAfter)))
	}
	endpoint.WriteJSON(c, status, endpoint.ContentTypeJSON, gin.H{"error": grant.Code, "error_description": grant.Text})
}
