package cli

import (
	"context"
	"errors"
	"fmt"
	"time"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/jobs"
)

// parseTime parses a date, a time, a duration from now, now or never.
func parseTime(text string) (time.Time, error) {
	switch text {
	case "never":
		return time.Time{}, nil
	case "now":
		return time.Now(), nil
	}
	if d, err := parseDuration(text); err == nil && d >= 0 {
		return time.Now().Add(d), nil
	}
	for _, layout := range []string{time.DateOnly, time.RFC3339} {
		if at, err := time.Parse(layout, text); err == nil {
			return at, nil
		}
	}
	return time.Time{}, fmt.Errorf("must be a date such as 2030-12-31, a time such as 2030-12-31T12:00:00Z, a duration such as 90d, now or never, got %q", text)
}

type clientRotateCommand struct {
	stateDatabase
	clientID
	secretSettings
	Keep time.Duration `default:"24h" help:"Grace period of the old secret (0s = it becomes invalid at once)."`
}

// Run rotates the secret of a client.
func (cmd *clientRotateCommand) Run(ctx context.Context, root *cli, out *output) error {
	secret, generated, err := cmd.secret(ctx, out)
	if err != nil {
		return err
	}
	return changeClient(ctx, root, out, &cmd.stateSettings, func(clients *auth.Clients, _ *jobs.Store) error {
		if err := clients.Rotate(ctx, cmd.ID, secret, cmd.Keep, cmd.SecretTTL); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out.stdout, "client %s has a new secret\n", cmd.ID); err != nil || !generated {
			return err
		}
		return printSecret(out, secret)
	})
}

type clientExpireCommand struct {
	stateDatabase
	clientID
	When time.Time `arg:"" help:"A date, a time, a duration from now such as 90d, now, or never."`
}

// Run sets when a client expires.
func (cmd *clientExpireCommand) Run(ctx context.Context, root *cli, out *output) error {
	return changeClient(ctx, root, out, &cmd.stateSettings, func(clients *auth.Clients, exports *jobs.Store) error {
		if err := clients.Expire(ctx, cmd.ID, cmd.When); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out.stdout, "client %s expires: %s\n", cmd.ID, formatTime(cmd.When)); err != nil {
			return err
		}
		if cmd.When.IsZero() || cmd.When.After(time.Now()) {
			return nil
		}
		count, err := exports.CancelUnfinished(ctx, cmd.ID)
		return printCancelled(out, count, err)
	})
}

type clientRevokeCommand struct {
	stateDatabase
	clientID
}

// Run makes a client expire now and cancels its exports.
func (cmd *clientRevokeCommand) Run(ctx context.Context, root *cli, out *output) error {
	return changeClient(ctx, root, out, &cmd.stateSettings, func(clients *auth.Clients, exports *jobs.Store) error {
		if err := clients.Revoke(ctx, cmd.ID); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out.stdout, "client %s revoked. To re-enable it: sluice client expire %s never\n", cmd.ID, cmd.ID); err != nil {
			return err
		}
		count, err := exports.CancelAll(ctx, cmd.ID)
		return printCancelled(out, count, err)
	})
}

// printCancelled prints how many exports were cancelled, unless that failed.
func printCancelled(out *output, count int, err error) error {
	if err != nil {
		return fmt.Errorf("cancel the client's exports: %w", err)
	}
	_, err = fmt.Fprintf(out.stdout, "exports cancelled: %d\n", count)
	return err
}

type clientChangeCommand struct {
	stateDatabase
	clientID
	keyFlags
	rateFlags
	Scope    []string `placeholder:"SCOPE" sep:"none" help:"Replace the scopes, for example with system/*.rs; repeatable."`
	Group    []string `placeholder:"ID" sep:"none" xor:"groups" help:"Restrict the client to the data of this Group's members; repeatable."`
	AnyGroup bool     `xor:"groups" help:"Remove the restriction to Groups."`
	NoKeys   bool     `help:"Remove all keys, stored ones and the URL."`
}

// Validate requires at least one change, and no contradiction about the keys.
func (cmd *clientChangeCommand) Validate() error {
	if cmd.NoKeys && cmd.given() {
		return errors.New("--no-keys cannot be used with --jwks or --jwks-url")
	}
	if cmd.Scope == nil && cmd.Group == nil && !cmd.AnyGroup && !cmd.NoKeys && !cmd.given() && cmd.rateFlags == (rateFlags{}) {
		return errors.New("nothing to change: use --scope, --group, --any-group, --jwks, --jwks-url, --no-keys, --dumps, --kick-offs or --requests")
	}
	return cmd.stateDatabase.Validate()
}

// Run changes a client.
func (cmd *clientChangeCommand) Run(ctx context.Context, root *cli, out *output) error {
	change := auth.Change{Scopes: cmd.Scope, Groups: cmd.Group, Dumps: cmd.Dumps, KickOffs: cmd.KickOffs, Requests: cmd.Requests}
	if cmd.AnyGroup {
		change.Groups = []string{}
	}
	if cmd.given() || cmd.NoKeys {
		keys, err := cmd.read()
		if err != nil {
			return err
		}
		change.Keys = &keys
	}
	return changeClient(ctx, root, out, &cmd.stateSettings, func(clients *auth.Clients, _ *jobs.Store) error {
		if err := clients.Change(ctx, cmd.ID, change); err != nil {
			return err
		}
		warnScopes(out, cmd.Scope)
		_, err := fmt.Fprintf(out.stdout, "client %s changed\n", cmd.ID)
		return err
	})
}

type clientRemoveCommand struct {
	stateDatabase
	clientID
}

// Run removes a client and cancels its exports. It cancels them first, so that the
// command can be repeated if that fails, and again afterwards for those that were
// accepted in between.
func (cmd *clientRemoveCommand) Run(ctx context.Context, root *cli, out *output) error {
	return changeClient(ctx, root, out, &cmd.stateSettings, func(clients *auth.Clients, exports *jobs.Store) error {
		before, err := exports.CancelAll(ctx, cmd.ID)
		if err != nil {
			return fmt.Errorf("cancel the client's exports: %w", err)
		}
		if err := clients.Remove(ctx, cmd.ID); err != nil {
			return err
		}
		if _, err := fmt.Fprintf(out.stdout, "client %s removed\n", cmd.ID); err != nil {
			return err
		}
		after, err := exports.CancelAll(ctx, cmd.ID)
		return printCancelled(out, before+after, err)
	})
}
