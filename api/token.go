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
	"github.com/seed-90096f4d/sluice/api/problem"
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

// issueToken answers POST /auth/token with an access token, for a signed assertion (SMART
// App Launch 2.2, "Backend Services") or a client secret (RFC 6749, 4.4).
func (a *API) issueToken(c *gin.Context, event *audit.Event) error {
	c.Header("Pragma", "no-cache") // in addition to the Cache-Control of all responses
	token, err := a.exchange(c, event)
	if err != nil {
		a.rejectTokenRequest(c, event, err)
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

// exchange issues a token to the client that the request authenticates, in one of two
// ways (RFC 6749, 2.3, forbids more than one in a request).
func (a *API) exchange(c *gin.Context, event *audit.Event) (smart.Token, error) {
	form, err := readForm(c)
	if err != nil {
		return smart.Token{}, err
	}
	byHeader := c.GetHeader("Authorization") != ""
	switch {
	case byHeader && len(form) == 0: // Google's and BCDA's clients send no parameters
		return a.exchangeSecret(c, event, form)
	case form.Get("grant_type") == "":
		return smart.Token{}, badTokenRequest("grant_type is missing")
	case form.Get("grant_type") != grantClientCredentials:
		return smart.Token{}, &smart.GrantError{Code: "unsupported_grant_type", Text: "grant_type must be " + grantClientCredentials}
	case byHeader && (form.Has("client_assertion") || form.Has("client_assertion_type") || form.Has("client_secret")):
		return smart.Token{}, badTokenRequest("a request must authenticate the client in one way only: the Authorization header or a client_assertion")
	case byHeader:
		return a.exchangeSecret(c, event, form)
	case form.Has("client_secret"):
		return smart.Token{}, &smart.GrantError{Code: smart.InvalidClient, Text: "client_secret is not accepted in the body, only in the Authorization header (client_secret_basic)"}
	}
	return a.exchangeAssertion(c, form)
}

// exchangeSecret issues a token to a client that HTTP Basic authenticates
// (client_secret_basic). The limits of failed logins are those of all other requests.
func (a *API) exchangeSecret(c *gin.Context, event *audit.Event, form url.Values) (smart.Token, error) {
	id, secret, err := clientSecretBasic(c)
	if err != nil {
		return smart.Token{}, err
	}
	if form.Has("client_id") && form.Get("client_id") != id {
		return smart.Token{}, badTokenRequest("client_id must be the client of the Authorization header")
	}
	ctx := c.Request.Context()
	client, err := a.config.Clients.Authenticate(ctx, auth.Login{ID: id, Secret: secret, Address: c.ClientIP()}, a.logins)
	event.Client = client.ID // if it exists
	a.metrics.countLogin(basicLogin, err)
	switch {
	case errors.Is(err, auth.ErrBadCredentials):
		return smart.Token{}, &smart.GrantError{Code: smart.InvalidClient, Text: err.Error()}
	case err != nil:
		return smart.Token{}, err
	}
	if wait := a.requestRate.TakePerMinute(client.ID, client.Rates.Requests.OrDefault(a.config.ClientRequests)); wait > 0 {
		return smart.Token{}, problem.Throttled(problem.ClientRequests, "too many requests by this client", wait)
	}
	return a.config.Tokens.Issue(ctx, client, a.scopes(form))
}

// clientSecretBasic returns the client id and secret of HTTP Basic, which are encoded as
// in a form before (RFC 6749, 2.3.1).
func clientSecretBasic(c *gin.Context) (id, secret string, err error) {
	encodedID, encodedSecret, ok := basic(c)
	if !ok {
		return "", "", &smart.GrantError{Code: smart.InvalidClient, Text: "the Authorization header must have the client id and secret (HTTP Basic)"}
	}
	id, err = url.QueryUnescape(encodedID)
	if err == nil {
		secret, err = url.QueryUnescape(encodedSecret)
	}
	if err != nil {
		return "", "", &smart.GrantError{Code: smart.InvalidClient, Text: "the client id and secret must be form-encoded before base64 (RFC 6749, 2.3.1)"}
	}
	return id, secret, nil
}

// exchangeAssertion issues a token for an assertion. Failures are limited per address
// only: a signature cannot be guessed, and anyone can send assertions that name a client,
// which must not lock it out.
func (a *API) exchangeAssertion(c *gin.Context, form url.Values) (smart.Token, error) {
	switch {
	case form.Get("client_assertion_type") == "" && form.Get("client_assertion") == "":
		return smart.Token{}, &smart.GrantError{Code: smart.InvalidClient, Text: "authentication required: a client_assertion, or client id and secret (HTTP Basic)"}
	case form.Get("client_assertion_type") != assertionJWT:
		return smart.Token{}, badTokenRequest("client_assertion_type must be " + assertionJWT)
	case form.Get("client_assertion") == "":
		return smart.Token{}, badTokenRequest("client_assertion is missing")
	case form.Get("scope") == "":
		return smart.Token{}, &smart.GrantError{Code: smart.InvalidScope, Text: "scope is missing, for example system/*.rs"}
	}
	address := c.ClientIP()
	if wait := a.logins.Take("", address); wait > 0 {
		limited := &auth.LimitError{Text: "too many failed logins", RetryAfter: wait}
		a.metrics.countLogin(assertionLogin, limited)
		return smart.Token{}, limited
	}
	token, err := a.config.Tokens.Exchange(c.Request.Context(), smart.Request{
		Assertion:    form.Get("client_assertion"),
		Audience:     a.tokenURL(),
		ClientID:     form.Get("client_id"),
		ScopeRequest: a.scopes(form),
	})
	a.metrics.countLogin(assertionLogin, err)
	var rejected *smart.GrantError
	if !errors.As(err, &rejected) || rejected.Code != smart.InvalidClient {
		a.logins.Refund("", address)
	}
	return token, err
}

func (a *API) scopes(form url.Values) smart.ScopeRequest {
	return smart.ScopeRequest{Scopes: form.Get("scope"), IsStandard: a.config.ResourceTypes.Has}
}

// readForm reads the parameters in the body, which may be empty. None may be repeated
// (RFC 6749, 3.2), and none is read from the URL, which ends up in logs.
func readForm(c *gin.Context) (url.Values, error) {
	body, err := io.ReadAll(http.MaxBytesReader(c.Writer, c.Request.Body, maxTokenRequestBytes))
	contentType, _, _ := mime.ParseMediaType(c.ContentType())
	switch {
	case err != nil:
		return nil, badTokenRequest("the body is incomplete, too slow or too long")
	case len(body) > 0 && contentType != "application/x-www-form-urlencoded":
		return nil, badTokenRequest("the content type must be application/x-www-form-urlencoded")
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
func (a *API) rejectTokenRequest(c *gin.Context, event *audit.Event, err error) {
	status, retryAfter := http.StatusBadRequest, time.Duration(0)
	var limited *auth.LimitError
	if errors.As(err, &limited) {
		err = loginLimited(limited)
	}
	a.metrics.countRefusal(tokenRefusal(err))
	var grant *smart.GrantError
	var throttled *problem.Problem
	switch {
	case errors.As(err, &throttled):
		status, retryAfter = throttled.Status, throttled.RetryAfter
		grant = &smart.GrantError{Code: unavailable, Text: throttled.Text}
	case !errors.As(err, &grant):
		status, retryAfter = http.StatusServiceUnavailable, 10*time.Second
		grant = &smart.GrantError{Code: unavailable, Text: "the server cannot issue tokens at the moment; its log has the details", Cause: err}
	case grant.Code == smart.InvalidClient:
		status = http.StatusUnauthorized
		c.Header("WWW-Authenticate", basicChallenge)
	}
	event.Client = cmp.Or(grant.ClientID, event.Client)
	_ = c.Error(cmp.Or[error](grant.Cause, grant)) // for the log
	if retryAfter > 0 {
		c.Header("Retry-After", strconv.Itoa(endpoint.Seconds(retryAfter)))
	}
	endpoint.WriteJSON(c, status, endpoint.ContentTypeJSON, gin.H{"error": grant.Code, "error_description": grant.Text})
}

// tokenRefusal returns why a token request is refused. It is empty if the client was not
// authenticated, and if the server failed.
func tokenRefusal(err error) problem.Reason {
	var throttled *problem.Problem
	if errors.As(err, &throttled) {
		return throttled.Refusal()
	}
	var grant *smart.GrantError
	switch {
	case !errors.As(err, &grant), grant.Code == smart.InvalidClient:
		return ""
	case grant.Code == smart.InvalidScope:
		return problem.Scope
	}
	return problem.InvalidRequest
}
