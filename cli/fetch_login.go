package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"strings"
	"sync"

	"golang.org/x/term"

	"github.com/seed-90096f4d/sluice/fetch"
	"github.com/seed-90096f4d/sluice/fetch/login"
)

// Secrets of sluice fetch. They have no flags: other users of the machine can see those.
const (
	fetchSecretVariable = "SLUICE_FETCH_SECRET"
	fetchTokenVariable  = "SLUICE_FETCH_TOKEN"
)

// secretVariables are environment variables without a flag.
var secretVariables = []string{fetchSecretVariable, fetchTokenVariable}

// fetchLogin are the flags of authentication.
type fetchLogin struct {
	Auth       string `env:"SLUICE_FETCH_AUTH" default:"auto" enum:"auto,none,basic,bearer,smart,secret" help:"How to authenticate: none, basic (HTTP Basic), bearer (a token), smart (SMART Backend Services), secret (client id and secret at a token endpoint), or auto: smart with a key, bearer with a token, secret with a secret and --token-url, basic with a secret only."`
	ClientID   string `name:"client-id" env:"SLUICE_FETCH_CLIENT_ID" placeholder:"ID" help:"Id of the client."`
	Key        string `env:"SLUICE_FETCH_KEY" placeholder:"FILE" type:"path" help:"File with the private key for SMART Backend Services: a JWK Set, a JWK, or PEM."`
	KeyID      string `name:"kid" env:"SLUICE_FETCH_KID" placeholder:"ID" help:"Id of the key. Default: the one in the file."`
	TokenURL   string `name:"token-url" env:"SLUICE_FETCH_TOKEN_URL" placeholder:"URL" help:"Token endpoint. Default: the one that the server announces."`
	Scope      string `env:"SLUICE_FETCH_SCOPE" placeholder:"SCOPE" help:"Scope of tokens. Default: system/*.rs or system/TYPE.rs of --type, or .read where the server requires that."`
	SecretFile string `name:"secret-file" env:"SLUICE_FETCH_SECRET_FILE" placeholder:"FILE" type:"path" help:"File with the secret of the client. Default: $$SLUICE_FETCH_SECRET, or asked for on a terminal."`
	TokenFile  string `name:"token-file" env:"SLUICE_FETCH_TOKEN_FILE" placeholder:"FILE" help:"File with a bearer token (- = standard input); it is read again when it changes. Default: $$SLUICE_FETCH_TOKEN."`

	fetchConnection
}

// Validate checks the flags.
func (f *fetchLogin) Validate() error { return checkServer("--token-url", f.TokenURL) }

// login returns how to authenticate.
func (f *fetchLogin) login(ctx context.Context, out *output) login.Options {
	o := login.Options{
		ClientID: f.ClientID, KeyFile: f.Key, KeyID: f.KeyID, TokenURL: f.TokenURL, Scope: f.Scope,
		Secret: local(f.secret(ctx, out)), Token: local(f.token(ctx, out)),
	}
	if f.Auth != "auto" {
		o.Method = login.Method(f.Auth)
	}
	return o
}

// local makes errors of a function, which may be nil, ones of this machine: the server has
// refused nothing.
func local(read func() (string, error)) func() (string, error) {
	if read == nil {
		return nil
	}
	return func() (string, error) {
		text, err := read()
		if err != nil {
			return "", &fetch.Error{Kind: fetch.Local, Err: err}
		}
		return text, nil
	}
}

// secret returns a function that returns the secret, or nil.
func (f *fetchLogin) secret(ctx context.Context, out *output) func() (string, error) {
	value := f.fromEnvironment(fetchSecretVariable)
	switch {
	case f.SecretFile != "":
		return func() (string, error) { return readSecretFile("--secret-file", f.SecretFile) }
	case value != "":
		return func() (string, error) { return value, nil }
	case f.needsSecret() && canPrompt(out):
		return sync.OnceValues(func() (string, error) { return readSecret(ctx, out) })
	}
	return nil
}

// fromEnvironment returns the secret in an environment variable. With --auth auto, files with
// credentials take precedence: the variable may be set for another server.
func (f *fetchLogin) fromEnvironment(variable string) string {
	if f.Auth == "auto" && (f.Key != "" || f.SecretFile != "" || f.TokenFile != "") {
		return ""
	}
	return os.Getenv(variable)
}

// needsSecret reports whether the client can only authenticate with a secret.
func (f *fetchLogin) needsSecret() bool {
	switch login.Method(f.Auth) {
	case login.Basic, login.Secret:
		return true
	case "auto":
		return f.ClientID != "" && f.Key == "" && f.TokenFile == "" && os.Getenv(fetchTokenVariable) == ""
	}
	return false
}

// canPrompt reports whether a person can be asked.
func canPrompt(out *output) bool {
	file, ok := out.stdin.(*os.File)
	return ok && term.IsTerminal(int(file.Fd()))
}

// token returns a function that returns the bearer token, or nil.
func (f *fetchLogin) token(ctx context.Context, out *output) func() (string, error) {
	value := f.fromEnvironment(fetchTokenVariable)
	switch {
	case f.TokenFile == fromInput:
		return sync.OnceValues(func() (string, error) { return readSecret(ctx, out) })
	case f.TokenFile != "":
		return func() (string, error) { return readSecretFile("--token-file", f.TokenFile) }
	case value != "":
		return func() (string, error) { return value, nil }
	}
	return nil
}

// readSecretFile returns the first line of a file.
func readSecretFile(flag, name string) (string, error) {
	file, err := os.Open(name)
	if err != nil {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	defer func() { _ = file.Close() }() // it was only read
	line, err := bufio.NewReader(io.LimitReader(file, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("%s: %w", flag, err)
	}
	if line = strings.TrimSpace(line); line == "" {
		return "", fmt.Errorf("%s: %s is empty", flag, name)
	}
	return line, nil
}
