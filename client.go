package main

import (
	"context"
	"fmt"
	"text/tabwriter"
	"time"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/migrations"
)

type clientCommand struct {
	Add    clientAddCommand    `cmd:"" help:"Add a client."`
	List   clientListCommand   `cmd:"" help:"List the clients."`
	Remove clientRemoveCommand `cmd:"" help:"Remove a client."`
}

// withClients opens the clients of the state database for a command.
func withClients(ctx context.Context, state *stateSettings, do func(*auth.Clients) error) error {
	pool, err := state.open(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrations.Check(ctx, pool); err != nil {
		return err
	}
	return do(auth.NewClients(pool))
}

type clientAddCommand struct {
	stateDatabase
	ID     string   `arg:"" name:"id" help:"The client's id, its user name in HTTP Basic."`
	Secret string   `env:"SLUICE_CLIENT_SECRET" placeholder:"SECRET" help:"The client's secret; without it one is made and shown once. Others on this machine can see flags: the environment is safer."`
	Scope  []string `required:"" placeholder:"SCOPE" sep:"none" help:"What it may take, such as system/*.rs for all of FHIR or system/Patient.rs; repeatable."`
}

// Run adds a client.
func (cmd *clientAddCommand) Run(ctx context.Context, out *output) error {
	secret := cmd.Secret
	if secret == "" {
		secret = auth.NewSecret()
	}
	return withClients(ctx, &cmd.stateSettings, func(clients *auth.Clients) error {
		if err := clients.Add(ctx, cmd.ID, secret, cmd.Scope); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out.stdout, "client %s added\n", cmd.ID)
		if err == nil && cmd.Secret == "" {
			_, err = fmt.Fprintf(out.stdout, "secret: %s\nKeep it now: it is stored hashed and can't be shown again.\n", secret)
		}
		return err
	})
}

type clientListCommand struct{ stateDatabase }

// Run lists the clients.
func (cmd *clientListCommand) Run(ctx context.Context, out *output) error {
	return withClients(ctx, &cmd.stateSettings, func(clients *auth.Clients) error {
		list, err := clients.List(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(out.stdout, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "ID\tSCOPES\tCREATED")
		for _, client := range list {
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\n", client.ID, client.Scopes, client.CreatedAt.UTC().Format(time.RFC3339))
		}
		return table.Flush()
	})
}

type clientRemoveCommand struct {
	stateDatabase
	ID string `arg:"" name:"id" help:"The client's id."`
}

// Run removes a client.
func (cmd *clientRemoveCommand) Run(ctx context.Context, out *output) error {
	return withClients(ctx, &cmd.stateSettings, func(clients *auth.Clients) error {
		if err := clients.Remove(ctx, cmd.ID); err != nil {
			return err
		}
		_, err := fmt.Fprintf(out.stdout, "client %s removed\n", cmd.ID)
		return err
	})
}
