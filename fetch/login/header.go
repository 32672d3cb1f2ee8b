package login

import (
	"context"
	"encoding/base64"
	"errors"
	"fmt"
	"strings"
)

// current are credentials that are read for each request.
type current func() (string, error)

func (read current) header(context.Context) (string, error) { return read() }

// rejected reports whether the credentials have changed since.
func (read current) rejected(header string) bool {
	now, err := read()
	return err == nil && now != header
}

// basicCredentials returns the credentials of HTTP Basic (RFC 7617).
func basicCredentials(id string, secret func() (string, error)) current {
	return func() (string, error) {
		value, err := secret()
		if err != nil {
			return "", fmt.Errorf("read the secret: %w", err)
		}
		return basic(id, value), nil
	}
}

func basic(id, secret string) string {
	return "Basic " + base64.StdEncoding.EncodeToString([]byte(id+":"+secret))
}

// bearerCredentials returns the credentials of a bearer token (RFC 6750).
func bearerCredentials(token func() (string, error)) current {
	return func() (string, error) {
		value, err := token()
		if err != nil {
			return "", fmt.Errorf("read the bearer token: %w", err)
		}
		value = strings.TrimSpace(value)
		if value == "" {
			return "", errors.New("the bearer token is empty")
		}
		if strings.ContainsFunc(value, func(r rune) bool { return r <= ' ' || r > '~' }) {
			return "", errors.New("the bearer token must consist of visible ASCII characters")
		}
		return "Bearer " + value, nil
	}
}
