package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"

	"github.com/google/uuid"
	"github.com/jackc/pgx/v5"
	"github.com/jackc/pgx/v5/pgxpool"

	"github.com/seed-90096f4d/sluice/auth"
	"github.com/seed-90096f4d/sluice/jobs"
	"github.com/seed-90096f4d/sluice/jobs/journal"
)

type exportCommand struct {
	List   exportListCommand   `cmd:"" help:"List exports, newest first."`
	Show   exportShowCommand   `cmd:"" help:"Show an export: its request, state, progress, running parts and files."`
	Cancel exportCancelCommand `cmd:"" help:"Cancel an export in any state, as its client can. Workers delete its files."`
	Expire exportExpireCommand `cmd:"" help:"End the retention of a completed export now. Workers delete its files."`
}

// exportID is the argument of a command for one export.
type exportID struct {
	ID string `arg:"" name:"id" help:"The export's id, as in its status URL."`
}

// parse returns the id.
func (e *exportID) parse() (uuid.UUID, error) {
	id, err := uuid.Parse(e.ID)
	if err != nil {
		return uuid.UUID{}, fmt.Errorf("the id of an export must be a UUID such as 0f8fad5b-d9cb-469f-a165-70867728950e, got %q", e.ID)
	}
	return id, nil
}

// exportFormat is the setting of commands that show exports.
type exportFormat struct {
	Format string `default:"table" enum:"table,json" help:"Format of the output: table, for people, or json, for programs."`
}

// json reports whether the output is for programs.
func (f exportFormat) json() bool { return f.Format == "json" }

func printJSON(w io.Writer, document any) error {
	encoder := json.NewEncoder(w)
	encoder.SetEscapeHTML(false)
	encoder.SetIndent("", "  ")
	return encoder.Encode(document)
}

type exportCancelCommand struct {
	stateDatabase
	exportID
}

// Validate checks the id and the settings.
func (cmd *exportCancelCommand) Validate() error {
	return validateExport(&cmd.exportID, &cmd.stateDatabase)
}

// Run cancels an export.
func (cmd *exportCancelCommand) Run(ctx context.Context, root *cli, out *output) error {
	end := exportEnd{action: auth.CancelExport, do: (*jobs.Store).CancelByOperator, stale: "was already cancelled"}
	return end.run(ctx, root, out, &cmd.stateSettings, cmd.exportID,
		"export %s of client %s cancelled (it was %s). Its status URL returns 404; workers delete its files.\n")
}

type exportExpireCommand struct {
	stateDatabase
	exportID
}

// Validate checks the id and the settings.
func (cmd *exportExpireCommand) Validate() error {
	return validateExport(&cmd.exportID, &cmd.stateDatabase)
}

// Run expires an export.
func (cmd *exportExpireCommand) Run(ctx context.Context, root *cli, out *output) error {
	end := exportEnd{action: auth.ExpireExport, do: (*jobs.Store).ExpireByOperator, stale: "is not completed; only completed exports can expire"}
	return end.run(ctx, root, out, &cmd.stateSettings, cmd.exportID,
		"export %s of client %s expired (it was %s). Its status URL returns 410; workers delete its files.\n")
}

// validateExport checks the settings of a command for one export.
func validateExport(id *exportID, state *stateDatabase) error {
	if _, err := id.parse(); err != nil {
		return err
	}
	return state.Validate()
}

// exportEnd ends an export on behalf of the operator.
type exportEnd struct {
	action string
	do     func(*jobs.Store, context.Context, uuid.UUID, jobs.Record) error
	stale  string // what an export is that cannot be ended this way
}

// run ends the export, records that in the history of its client and prints a message
// with the export's id, client and former state.
func (e exportEnd) run(ctx context.Context, root *cli, out *output, state *stateSettings, arg exportID, message string) error {
	id, err := arg.parse()
	if err != nil {
		return err
	}
	return withState(ctx, state, func(pool *pgxpool.Pool) error {
		store, err := jobs.New(pool, jobs.Config{Observe: journal.New(root.Log.logger(out), nil).Observe})
		if err != nil {
			return err
		}
		clients := auth.NewClients(pool).WithActor(actor(), nil)
		var entry auth.Entry
		var before jobs.Export
		err = e.do(store, ctx, id, func(ctx context.Context, tx pgx.Tx, export jobs.Export) (err error) {
			before = export
			details := map[string]string{"export": id.String(), "state": string(export.State)}
			entry, err = clients.Record(ctx, tx, e.action, export.ClientID, details)
			return err
		})
		switch {
		case errors.Is(err, jobs.ErrNotFound):
			return noExport(id)
		case errors.Is(err, jobs.ErrStale):
			return fmt.Errorf("export %s %s", id, e.stale)
		case err != nil:
			return err
		}
		logChange(ctx, root, out, entry)
		_, err = fmt.Fprintf(out.stdout, message, id, before.ClientID, before.State)
		return err
	})
}

func noExport(id uuid.UUID) error { return fmt.Errorf("no export has the id %s", id) }
