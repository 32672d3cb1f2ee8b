package cli

import (
	"cmp"
	"context"
	"fmt"
	"log/slog"
	"maps"
	"os"
	"os/user"
	"slices"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/migrations"
)

type clientCommand struct {
	Add    clientAddCommand    `cmd:"" help:"Add a client."`
	List   clientListCommand   `cmd:"" help:"List the clients."`
	Show   clientShowCommand   `cmd:"" help:"Show a client and what was done to it."`
	Change clientChangeCommand `cmd:"" help:"Change what a client may take and the keys it signs with."`
	Rotate clientRotateCommand `cmd:"" help:"Give a client a new secret; the old one goes on to work for a while."`
	Expire clientExpireCommand `cmd:"" help:"Set when a client expires. It is refused from then on, and its unfinished exports are cancelled."`
	Revoke clientRevokeCommand `cmd:"" help:"Refuse a client from now on, cancel its exports and delete their files."`
	Remove clientRemoveCommand `cmd:"" help:"Remove a client, cancel its exports and delete their files."`
}

// withClients opens the clients of the state database for a command.
func withClients(ctx context.Context, state *stateSettings, do func(*auth.Clients) error) error {
	return withState(ctx, state, func(pool *pgxpool.Pool) error { return do(auth.NewClients(pool)) })
}

// withState opens the state database for a command.
func withState(ctx context.Context, state *stateSettings, do func(*pgxpool.Pool) error) error {
	pool, err := state.open(ctx)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrations.Check(ctx, pool); err != nil {
		return err
	}
	return do(pool)
}

// changeClient is withClients for a command that changes a client, which is
// audited: in the client's history, where a process of the API finds it for the
// bucket, and in a log line as the API writes them.
func changeClient(ctx context.Context, root *cli, out *output, state *stateSettings, do func(*auth.Clients) error) error {
	return withClients(ctx, state, func(clients *auth.Clients) error { return do(audited(ctx, clients, root, out)) })
}

// endClient is changeClient for a command that ends a client's rights, and with
// them exports.
func endClient(ctx context.Context, root *cli, out *output, state *stateSettings, do func(*auth.Clients, *jobs.Store) error) error {
	return withState(ctx, state, func(pool *pgxpool.Pool) error {
		exports, err := jobs.New(pool, jobs.Config{})
		if err != nil {
			return err
		}
		return do(audited(ctx, auth.NewClients(pool), root, out), exports)
	})
}

// audited returns the clients with an audit line for each change.
func audited(ctx context.Context, clients *auth.Clients, root *cli, out *output) *auth.Clients {
	return clients.By(actor(), func(entry auth.Entry) {
		root.Log.audit(out).LogAttrs(ctx, slog.LevelInfo, "audit", slog.Group("audit",
			slog.String("action", "client "+entry.Action),
			slog.String("outcome", "done"),
			slog.String("client", entry.ClientID),
			slog.String("actor", entry.Actor),
			slog.String("role", entry.Role),
			slog.Int64("change", entry.ID),
			slog.Any("details", entry.Details),
		))
	})
}

// actor is who runs the command, as far as the machine knows.
func actor() string {
	name := "unknown"
	if who, err := user.Current(); err == nil {
		name = cmp.Or(who.Username, who.Uid)
	}
	if host, err := os.Hostname(); err == nil {
		name += "@" + host
	}
	return name
}

// clientID is the client that a command is about.
type clientID struct {
	ID string `arg:"" name:"id" help:"The client's id."`
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
		_, _ = fmt.Fprintln(table, "ID\tSCOPES\tCREATED\tEXPIRES")
		for _, client := range list {
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", client.ID, client.Scopes, clock(client.CreatedAt), clock(client.ExpiresAt))
		}
		return table.Flush()
	})
}

// clock writes a time; zero means that it never comes.
func clock(at time.Time) string {
	if at.IsZero() {
		return "never"
	}
	return at.UTC().Format(time.RFC3339)
}

type clientShowCommand struct {
	stateDatabase
	clientID
}

// Run shows a client.
func (cmd *clientShowCommand) Run(ctx context.Context, out *output) error {
	return withClients(ctx, &cmd.stateSettings, func(clients *auth.Clients) error {
		client, err := clients.Get(ctx, cmd.ID)
		if err != nil {
			return err
		}
		history, err := clients.History(ctx, cmd.ID)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(out.stdout, 0, 0, 2, ' ', 0)
		for _, line := range describeClient(client) {
			_, _ = fmt.Fprintf(table, "%s\t%s\n", line[0], line[1])
		}
		for _, entry := range history {
			_, _ = fmt.Fprintf(table, "%s\t%s by %s (role %s)%s\n", clock(entry.At), entry.Action, entry.Actor, entry.Role, describeDetails(entry.Details))
		}
		return table.Flush()
	})
}

// describeDetails lists what a change has changed.
func describeDetails(details map[string]string) string {
	var text strings.Builder
	for i, name := range slices.Sorted(maps.Keys(details)) {
		_, _ = fmt.Fprintf(&text, "%s %s: %s", []string{":", ";"}[min(i, 1)], name, details[name])
	}
	return text.String()
}

// describeClient lists what there is to say of a client, by name and value.
func describeClient(client auth.Client) [][2]string {
	lines := [][2]string{
		{"id", client.ID},
		{"scopes", client.Scopes.String()},
		{"created", clock(client.CreatedAt)},
		{"expires", clock(client.ExpiresAt)},
	}
	if client.Groups != nil {
		lines = append(lines, [2]string{"groups", strings.Join(client.Groups, " ")})
	}
	if client.HasSecret {
		lines = append(lines, [2]string{"secret expires", clock(client.SecretExpiresAt)})
	}
	if !client.PreviousExpiresAt.IsZero() {
		lines = append(lines, [2]string{"previous secret expires", clock(client.PreviousExpiresAt)})
	}
	if len(client.KeyIDs) > 0 {
		lines = append(lines, [2]string{"keys", strings.Join(client.KeyIDs, " ")})
	}
	if client.KeysURL != "" {
		lines = append(lines, [2]string{"keys at", client.KeysURL})
	}
	for _, rate := range []struct {
		name string
		auth.Rate
	}{{"dumps", client.Rates.Dumps}, {"kick-offs", client.Rates.KickOffs}, {"requests", client.Rates.Requests}} {
		if rate.Own {
			lines = append(lines, [2]string{rate.name + " a minute", rate.String()})
		}
	}
	return lines
}
