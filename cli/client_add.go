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
	"github.com/seed-90096f4d/sluice/jobs"
)

// secretSettings are the flags of commands that set a secret.
type secretSettings struct {
	Secret    string        `env:"SLUICE_CLIENT_SECRET" fromfile:"" placeholder:"SECRET" help:"Secret of your own; - reads it from standard input. Default and recommended: a generated one, shown once. Other users of this machine can see flags, so prefer the environment or -."`
	SecretTTL time.Duration `name:"secret-ttl" placeholder:"DURATION" help:"Validity of the secret, such as 90d. Default: unlimited."`
}

// fromInput as the secret means that it is read from standard input.
const fromInput = "-"

// secret returns the secret, and whether it was generated.
func (s *secretSettings) secret(ctx context.Context, out *output) (secret string, generated bool, err error) {
	switch s.Secret {
	case "":
		return auth.NewSecret(), true, nil
	case fromInput:
		secret, err := readSecret(ctx, out)
		return secret, false, err
	}
	return s.Secret, false, nil
}

// readSecret reads the first line of standard input. On a terminal it prompts and
// does not echo.
func readSecret(ctx context.Context, out *output) (string, error) {
	if file, ok := out.stdin.(*os.File); ok && term.IsTerminal(int(file.Fd())) {
		_, _ = fmt.Fprint(out.stderr, "Secret: ")
		defer func() { _, _ = fmt.Fprintln(out.stderr) }()
		return promptSecret(ctx, int(file.Fd()))
	}
	line, err := bufio.NewReader(io.LimitReader(out.stdin, 64<<10)).ReadString('\n')
	if err != nil && !errors.Is(err, io.EOF) {
		return "", fmt.Errorf("read the secret: %w", err)
	}
	if line = strings.TrimRight(line, "\r\n"); line == "" {
		return "", errors.New("standard input contains no secret")
	}
	return line, nil
}

// promptSecret reads a line from a terminal without echo. If ctx ends before the line is
// complete, it restores the terminal and returns.
func promptSecret(ctx context.Context, terminal int) (string, error) {
	before, err := term.GetState(terminal)
	if err != nil {
		return "", err
	}
	type answer struct {
		typed []byte
		err   error
	}
	answers := make(chan answer, 1)
	go func() {
		typed, err := term.ReadPassword(terminal)
		answers <- answer{typed, err}
	}()
	select {
	case a := <-answers:
		return string(a.typed), a.err
	case <-ctx.Done():
		_ = term.Restore(terminal, before)
		return "", context.Cause(ctx)
	}
}

// printSecret prints a generated secret.
func printSecret(out *output, secret string) error {
	_, err := fmt.Fprintf(out.stdout, "secret: %s\nSave it now: only its hash is stored, so it cannot be shown again.\n", secret)
	return err
}

// keyFlags are the public keys of a client of SMART Backend Services.
type keyFlags struct {
	keySettings
	JWKS    string `name:"jwks" placeholder:"FILE" type:"path" help:"File with the client's public keys as a JWK Set."`
	JWKSURL string `name:"jwks-url" placeholder:"URL" help:"URL of the client's public keys as a JWK Set."`
}

// read returns the keys; zero if there are none.
func (f *keyFlags) read() (auth.Keys, error) {
	keys := auth.Keys{URL: f.JWKSURL, AllowInsecureURL: f.JWKSAllowInsecure}
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

// given reports whether there are any keys.
func (f *keyFlags) given() bool { return f.JWKS != "" || f.JWKSURL != "" }

// rateFlags are the client's own rate limits; nil if not given.
type rateFlags struct {
	Dumps    *auth.Rate `placeholder:"N" help:"Maximum dumps that the client may start per minute (0 = unlimited, default = ${dumps_per_minute})."`
	KickOffs *auth.Rate `placeholder:"N" help:"Maximum exports that the client may kick off per minute (0 = unlimited, default = ${kick_offs_per_minute})."`
	Requests *auth.Rate `placeholder:"N" help:"Maximum requests of any kind per minute (0 = unlimited, default = SLUICE_CLIENT_REQUESTS_PER_MINUTE of the API)."`
}

// rates returns the rate limits of a new client.
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
	ID      string    `arg:"" name:"id" help:"The client's id, which is its user name in HTTP Basic."`
	Scope   []string  `required:"" placeholder:"SCOPE" sep:"none" help:"SMART scope, such as system/*.rs for all resource types of FHIR, or system/Patient.rs; repeatable."`
	Group   []string  `placeholder:"ID" sep:"none" help:"Restrict the client to the data of this Group's members; repeatable."`
	Expires time.Time `placeholder:"WHEN" help:"When the client expires: a date, a time, or a duration from now such as 90d. Default: never."`
}

// warnScopes prints a warning for scopes of types that FHIR does not have: they may
// be types of Aidbox, or misspelled.
func warnScopes(out *output, scopes []string) {
	for _, text := range scopes {
		name, _, _ := strings.Cut(strings.TrimPrefix(text, "system/"), ".")
		if name != "*" && name != auth.ViewDefinition && !slices.Contains(fhir.R4().ResourceTypes(), name) {
			_, _ = fmt.Fprintf(out.stderr, "warning: scope %s: %s is not a resource type of FHIR R4\n", text, name)
		}
	}
}

// Run adds a client. It generates a secret unless there are keys.
func (cmd *clientAddCommand) Run(ctx context.Context, root *cli, out *output) error {
	keys, err := cmd.read()
	if err != nil {
		return err
	}
	var secret string
	var generated bool
	if cmd.Secret != "" || !cmd.given() {
		if secret, generated, err = cmd.secret(ctx, out); err != nil {
			return err
		}
	}
	return changeClient(ctx, root, out, &cmd.stateSettings, func(clients *auth.Clients, _ *jobs.Store) error {
		err := clients.Register(ctx, auth.Registration{
			ID: cmd.ID, Scopes: cmd.Scope, Secret: secret, SecretTTL: cmd.SecretTTL,
			Keys: keys, Groups: cmd.Group, ExpiresAt: cmd.Expires, Rates: cmd.rates(),
		})
		if err != nil {
			return err
		}
		warnScopes(out, cmd.Scope)
		if _, err := fmt.Fprintf(out.stdout, "client %s added\n", cmd.ID); err != nil || !generated {
			return err
		}
		return printSecret(out, secret)
	})
}
