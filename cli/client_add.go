package cli

import (
	"bufio"
	"context"
	"errors"
	"fmt"
	"io"
	"os"
	"slices"
	"strings"
	"time"

	"golang.org/x/term"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/fhir"
)

// secretSettings say which secret a client gets.
type secretSettings struct {
	Secret     string        `env:"SLUICE_CLIENT_SECRET" placeholder:"SECRET" help:"The client's secret; - reads it from standard input, and without it one is made and shown once. Others on this machine can see flags: the environment or - is safer."`
	SecretLife time.Duration `placeholder:"DURATION" help:"How long the secret works, such as 90d; without it, it does not end."`
}

// fromInput is the secret that stands for standard input.
const fromInput = "-"

// take returns the secret, and whether it was made here.
func (s *secretSettings) take(out *output) (secret string, made bool, err error) {
	switch s.Secret {
	case "":
		return auth.NewSecret(), true, nil
	case fromInput:
		secret, err := readSecret(out)
		return secret, false, err
	}
	return s.Secret, false, nil
}

// readSecret reads the first line of standard input. On a terminal it asks, and
// nobody sees the answer.
func readSecret(out *output) (string, error) {
	if file, ok := out.stdin.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		_, _ = fmt.Fprint(out.stderr, "Secret: ")
		typed, err := term.ReadPassword(int(file.Fd()))
		_, _ = fmt.Fprintln(out.stderr)
		return string(typed), err
	}
	line, err := bufio.NewReader(io.LimitReader(out.stdin, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", errors.New("standard input holds no secret")
	}
	return line, nil
}

// tell shows a secret that nobody knows yet.
func tell(out *output, secret string) error {
	_, err := fmt.Fprintf(out.stdout, "secret: %s\nKeep it now: it is stored hashed and can't be shown again.\n", secret)
	return err
}

// keyFlags are the keys of a client of SMART Backend Services.
type keyFlags struct {
	keySettings
	JWKS    string `name:"jwks" placeholder:"FILE" type:"path" help:"A file with the client's public keys, a JWK Set."`
	JWKSURL string `name:"jwks-url" placeholder:"URL" help:"Where the client's public keys are, a JWK Set."`
}

// read reads the keys. Without any it returns zero.
func (f *keyFlags) read() (auth.Keys, error) {
	keys := auth.Keys{URL: f.JWKSURL, Anywhere: f.KeysAnywhere}
	if f.JWKS == "" {
		return keys, nil
	}
	document, err := os.ReadFile(f.JWKS)
	if err != nil {
		return auth.Keys{}, fmt.Errorf("--jwks: %w", err)
	}
	keys.JWKS = document
	return keys, nil
}

// given tells whether there are any.
func (f *keyFlags) given() bool { return f.JWKS != "" || f.JWKSURL != "" }

// rateFlags are the client's own rates; nil is the one of the server.
type rateFlags struct {
	Dumps    *auth.Rate `placeholder:"N" help:"How many dumps it may begin a minute, in place of SLUICE_CLIENT_DUMPS; 0 means no limit, default the server's."`
	KickOffs *auth.Rate `placeholder:"N" help:"How many exports it may kick off a minute, in place of SLUICE_CLIENT_KICK_OFFS."`
	Requests *auth.Rate `placeholder:"N" help:"How many requests of any kind it may send a minute, in place of SLUICE_CLIENT_REQUESTS."`
}

// rates are those of a new client.
func (f *rateFlags) rates() auth.Rates {
	given := func(flag *auth.Rate) (rate auth.Rate) {
		if flag != nil {
			rate = *flag
		}
		return rate
	}
	return auth.Rates{Dumps: given(f.Dumps), KickOffs: given(f.KickOffs), Requests: given(f.Requests)}
}

type clientAddCommand struct {
	stateDatabase
	secretSettings
	keyFlags
	rateFlags
	ID      string   `arg:"" name:"id" help:"The client's id, its user name in HTTP Basic."`
	Scope   []string `required:"" placeholder:"SCOPE" sep:"none" help:"What it may take, such as system/*.rs for all of FHIR or system/Patient.rs; repeatable."`
	Group   []string `placeholder:"ID" sep:"none" help:"Let it take the data of this Group's members alone; repeatable."`
	Expires moment   `placeholder:"WHEN" help:"From when on it is refused: a date, a time, or a duration from now such as 90d."`
}

// warnScopes warns of scopes whose types are not FHIR's: they may be types of Aidbox,
// or misspelled.
func warnScopes(out *output, scopes []string) {
	for _, text := range scopes {
		name, _, _ := strings.Cut(strings.TrimPrefix(text, "system/"), ".")
		if name != "*" && !slices.Contains(fhir.R4().ResourceTypes(), name) {
			_, _ = fmt.Fprintf(out.stderr, "warning: scope %s: %s is not a resource type of FHIR R4\n", text, name)
		}
	}
}

// Run adds a client. One with keys gets a secret only if it is given one.
func (cmd *clientAddCommand) Run(ctx context.Context, root *cli, out *output) error {
	keys, err := cmd.read()
	if err != nil {
		return err
	}
	var secret string
	var made bool
	if cmd.Secret != "" || !cmd.given() {
		if secret, made, err = cmd.take(out); err != nil {
			return err
		}
	}
	return changeClient(ctx, root, out, &cmd.stateSettings, func(clients *auth.Clients) error {
		err := clients.Register(ctx, auth.Registration{
			ID: cmd.ID, Scopes: cmd.Scope, Secret: secret, SecretLife: cmd.SecretLife,
			Keys: keys, Groups: cmd.Group, ExpiresAt: cmd.Expires.Time, Rates: cmd.rates(),
		})
		if err != nil {
			return err
		}
		warnScopes(out, cmd.Scope)
		if _, err := fmt.Fprintf(out.stdout, "client %s added\n", cmd.ID); err != nil || !made {
			return err
		}
		return tell(out, secret)
	})
}
