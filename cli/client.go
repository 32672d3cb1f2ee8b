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
	"github.com/seed-90096f4d/sluice/jobs/journal"
	"github.com/seed-90096f4d/sluice/migrations"
)

type clientCommand struct {
	Add    clientAddCommand    `cmd:"" help:"Add a client."`
	List   clientListCommand   `cmd:"" help:"List the clients."`
	Show   clientShowCommand   `cmd:"" help:"Show a client and its history."`
	Change clientChangeCommand `cmd:"" help:"Change the scopes, Groups, keys and rate limits of a client."`
	Rotate clientRotateCommand `cmd:"" help:"Rotate a client's secret; the old one stays valid for a grace period."`
	Expire clientExpireCommand `cmd:"" help:"Set when a client expires. It is then rejected and its unfinished exports are cancelled."`
	Revoke clientRevokeCommand `cmd:"" help:"Make a client expire now, cancel its exports and delete their files."`
	Remove clientRemoveCommand `cmd:"" help:"Remove a client, cancel its exports and delete their files. Its id can be used again."`
}

// withState runs do with the state database.
func withState(ctx context.Context, state *stateSettings, do func(*pgxpool.Pool) error) error {
	pool, err := state.open(ctx, nil)
	if err != nil {
		return err
	}
	defer pool.Close()
	if err := migrations.Check(ctx, pool); err != nil {
		return err
	}
	return do(pool)
}

// changeClient runs do with the clients and exports of the state database. A change of a
// client is audited in its history, which a process of the API stores in the bucket, and
// by a log line as the API writes them.
func changeClient(ctx context.Context, root *cli, out *output, state *stateSettings, do func(*auth.Clients, *jobs.Store) error) error {
	return withState(ctx, state, func(pool *pgxpool.Pool) error {
		exports, err := jobs.New(pool, jobs.Config{Observe: journal.New(root.Log.logger(out), nil).Observe})
		if err != nil {
			return err
		}
		return do(audited(ctx, auth.NewClients(pool), root, out), exports)
	})
}

// audited returns the clients with an audit log line for each change.
func audited(ctx context.Context, clients *auth.Clients, root *cli, out *output) *auth.Clients {
	return clients.WithActor(actor(), func(entry auth.Entry) { logChange(ctx, root, out, entry) })
}

// logChange writes the audit log line of an entry of a client's history.
func logChange(ctx context.Context, root *cli, out *output, entry auth.Entry) {
	root.Log.audit(out).LogAttrs(ctx, slog.LevelInfo, "audit", slog.Group("audit",
		slog.String("action", "client "+entry.Action),
		slog.String("outcome", "done"),
		slog.String("client", entry.ClientID),
		slog.String("actor", entry.Actor),
		slog.String("role", entry.Role),
		slog.Int64("change", entry.ID),
		slog.Any("details", entry.Details),
	))
}

// actor returns the user and host that run the command.
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

// clientID is the argument of a command for one client.
type clientID struct {
	ID string `arg:"" name:"id" help:"The client's id."`
}

type clientListCommand struct{ stateDatabase }

// Run lists the clients.
func (cmd *clientListCommand) Run(ctx context.Context, out *output) error {
	return withState(ctx, &cmd.stateSettings, func(state *pgxpool.Pool) error {
		list, err := auth.NewClients(state).List(ctx)
		if err != nil {
			return err
		}
		table := tabwriter.NewWriter(out.stdout, 0, 0, 2, ' ', 0)
		_, _ = fmt.Fprintln(table, "ID\tSCOPES\tCREATED\tEXPIRES")
		for _, client := range list {
			_, _ = fmt.Fprintf(table, "%s\t%s\t%s\t%s\n", client.ID, client.Scopes, formatTime(client.CreatedAt), formatTime(client.ExpiresAt))
		}
		return table.Flush()
	})
}

// formatTime formats the time of an expiry; zero is never.
func formatTime(at time.Time) string {
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
	return withState(ctx, &cmd.stateSettings, func(state *pgxpool.Pool) error {
		clients := auth.NewClients(state)
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
			_, _ = fmt.Fprintf(table, "%s\t%s by %s (role %s)%s\n", formatTime(entry.At), entry.Action, entry.Actor, entry.Role, describeDetails(entry.Details))
		}
		return table.Flush()
	})
}

// describeDetails formats the details of a history entry.
func describeDetails(details map[string]string) string {
	var text strings.Builder
	for i, name := range slices.Sorted(maps.Keys(details)) {
		_, _ = fmt.Fprintf(&text, "%s %s: %s", []string{":", ";"}[min(i, 1)], name, details[name])
	}
	return text.String()
}

// describeClient returns the properties of a client as names and values.
func describeClient(client auth.Client) [][2]string {
	lines := [][2]string{
		{"id", client.ID},
		{"scopes", client.Scopes.String()},
		{"created", formatTime(client.CreatedAt)},
		{"expires", formatTime(client.ExpiresAt)},
	}
	if client.Groups != nil {
		lines = append(lines, [2]string{"groups", strings.Join(client.Groups, " ")})
	}
	if client.HasSecret {
		lines = append(lines, [2]string{"secret expires", formatTime(client.SecretExpiresAt)})
	}
	if !client.PreviousExpiresAt.IsZero() {
		lines = append(lines, [2]string{"previous secret expires", formatTime(client.PreviousExpiresAt)})
	}
	if len(client.Keys) > 0 {
		lines = append(lines, [2]string{"keys", strings.Join(client.Keys.IDs(), " ")})
	}
	if client.KeysURL != "" {
		lines = append(lines, [2]string{"jwks url", client.KeysURL})
	}
	for _, rate := range []struct {
		name string
		auth.Rate
	}{{"dumps", client.Rates.Dumps}, {"kick-offs", client.Rates.KickOffs}, {"requests", client.Rates.Requests}} {
		if rate.PerMinute != nil {
			lines = append(lines, [2]string{rate.name + " per minute", rate.String()})
		}
	}
	return lines
}
